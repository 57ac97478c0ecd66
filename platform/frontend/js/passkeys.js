/* Passkeys: a form whose button first asks the browser for one. The options come with the page, or, where nobody is known yet,
   when the button is pressed. Bytes travel as base64url in JSON; browsers that we support have no conversion of their own yet. */
import { $, $$ } from "./shell.js";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const withBytes = (list) => (list ?? []).map((credential) => ({ ...credential, id: bytes(credential.id) }));

const create = async ({ publicKey }) => {
  const credential = await navigator.credentials.create({
    publicKey: {
      ...publicKey,
      challenge: bytes(publicKey.challenge),
      user: { ...publicKey.user, id: bytes(publicKey.user.id) },
      excludeCredentials: withBytes(publicKey.excludeCredentials),
    },
  });
  const { id, rawId, type, response } = credential;
  return {
    id, rawId: text(rawId), type,
    response: { attestationObject: text(response.attestationObject), clientDataJSON: text(response.clientDataJSON) },
    clientExtensionResults: { credProps: credential.getClientExtensionResults().credProps },
  };
};

const get = async ({ publicKey }) => {
  const { id, rawId, type, response } = await navigator.credentials.get({
    publicKey: { ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: withBytes(publicKey.allowCredentials) },
  });
  return {
    id, rawId: text(rawId), type,
    response: {
      authenticatorData: text(response.authenticatorData),
      clientDataJSON: text(response.clientDataJSON),
      signature: text(response.signature),
      userHandle: response.userHandle && text(response.userHandle),
    },
    clientExtensionResults: {},
  };
};

const ask = { create, get };
const optionsOf = async (form) => {
  if (form.dataset.options) return JSON.parse(document.getElementById(form.dataset.options).textContent);
  const answer = await fetch(form.dataset.optionsUrl, {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRFToken": $("[name=csrfmiddlewaretoken]", form).value },
  });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
};

// a passkey belongs to a name: there is none for an address of numbers
const isNamed = !/^[\d.]+$|:/.test(location.hostname);
for (const form of window.PublicKeyCredential && isNamed ? $$("[data-passkey]") : []) {
  form.hidden = false;
  for (const el of $$("[data-supported]", form)) el.hidden = false;
  for (const el of $$("[data-unsupported]", form)) el.hidden = true;
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const failed = $("[data-failed]", form);
    failed.hidden = true;
    try {
      form.elements.credential.value = JSON.stringify(await ask[form.dataset.passkey](await optionsOf(form)));
      form.submit();
    } catch {
      failed.hidden = false; // cancelled, timed out, or there is none
    }
  });
}
