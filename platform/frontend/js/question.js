/* A question: what is written is kept on the device until it is sent; a press says that it is being checked. */
import { $, $$, say } from "./shell.js";

const DRAFT = "gradus-draft-";
const KEPT_MS = 7 * 24 * 3600 * 1000; // an attempt lasts a day: what was written in one of last week is never asked for again
const store = { // "<when> <text>"
  get: (key) => { try { return localStorage.getItem(DRAFT + key)?.replace(/^\d+ /, "") ?? ""; } catch { return ""; } },
  set: (key, value) => { try { localStorage.setItem(DRAFT + key, `${Date.now()} ${value}`); } catch { /* not kept, then */ } },
  drop: (key) => { try { localStorage.removeItem(DRAFT + key); } catch { /* nothing was kept */ } },
  tidy: () => {
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(DRAFT) && !(parseInt(localStorage.getItem(key)) > Date.now() - KEPT_MS)) localStorage.removeItem(key);
      }
    } catch { /* nothing is kept */ }
  },
};

/* What was written is dropped once the answer is open, not when it is sent: it may not arrive. */
function drafts() {
  store.tidy();
  for (const field of $$("[data-draft]")) {
    const kept = store.get(field.dataset.draft);
    if (kept && "blank" in field.dataset) field.value = kept; // it shows nothing yet, or the code to begin from
    field.addEventListener("input", () => store.set(field.dataset.draft, field.value));
  }
  if ($("article.q")?.dataset.revealed === "1") store.drop($("article.q [name=attempt]")?.value);
}

/* Control and Enter send what is being written, from wherever in its form. */
function onKey(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing || event.keyCode === 229) return;
  const form = event.currentTarget, button = $("button:not([name], [type=button])", form);
  if (!button) return; // its buttons each say something else
  event.preventDefault();
  if (!event.repeat) form.requestSubmit(button);
}

/* The row of signs under code, on a phone: each goes where the caret is. */
document.addEventListener("click", (event) => {
  const sign = event.target.closest("[data-sign]")?.dataset.sign, field = $("#written");
  if (!sign || !field) return;
  field.setRangeText(sign, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
});

function forms() {
  for (const form of $$("form[data-answer], #reveal, form.points, form.notes")) form.addEventListener("keydown", onKey);
  for (const form of $$("form[data-answer], #reveal")) {
    form.addEventListener("submit", (event) => {
      const button = event.submitter;
      if (navigator.onLine && button?.dataset.busyWord) {
        button.dataset.word = button.textContent;
        button.textContent = button.dataset.busyWord;
        button.setAttribute("aria-busy", "true");
      }
    });
  }
}

/* A page that comes back as it was left is checking nothing any more. */
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of $$("[data-word]")) {
    button.textContent = button.dataset.word;
    button.removeAttribute("aria-busy");
  }
});

/* What came of the last press stands on the page as it arrives, where no live region would speak it. */
function speak() {
  const part = location.hash && document.getElementById(location.hash.slice(1));
  const said = $(".said[data-kind=unread]") ?? (part && $(".said", part));
  if (said) say(said.textContent);
}

export function start() {
  drafts();
  forms();
  speak();
  if (location.hash === "#ref") $("#ref-h")?.focus({ preventScroll: true });
}
start();
