/* The theme switch, the keyboard, and what is spoken. Shortcuts are declared in the markup
   (data-key="x" or data-key="g x"), so the help dialog cannot go stale. */
const root = document.documentElement;
export const $ = (selector, within = document) => within.querySelector(selector);
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
export const say = (text) => { $("#live").textContent = text; };

// ---------------------------------------------------------------- theme

$("#theme")?.addEventListener("submit", (e) => {
  e.preventDefault();
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const chosen = dark ? "light" : "dark";
  const form = new FormData(e.target);
  form.set("theme", chosen);
  root.dataset.theme = chosen;
  document.dispatchEvent(new Event("themechange"));
  fetch(e.target.action, { method: "POST", body: form, redirect: "manual" }).catch(() => {}); // unsaved, yet seen
});

// ---------------------------------------------------------------- keys

const PREFIX_MS = 900;
const on = $("#keys-on");
const stored = (value) => {
  try {
    if (value !== undefined) localStorage.setItem("keys", value);
    return localStorage.getItem("keys");
  } catch {
    return null; // storage is switched off: the choice lasts as long as the page
  }
};
if (on) {
  on.checked = stored() !== "off";
  on.addEventListener("change", () => stored(on.checked ? "on" : "off"));
}

const typing = (el) =>
  el.isContentEditable || /^(TEXTAREA|SELECT)$/.test(el.tagName) ||
  (el.tagName === "INPUT" && !/^(radio|checkbox|button|submit|range)$/.test(el.type));
const named = (e) => (e.key === " " ? "Space" : e.key.length === 1 ? e.key.toLowerCase() : e.key);
const usable = (el) => !el.disabled && el.checkVisibility({ visibilityProperty: true });

let prefix = "";
document.addEventListener("keydown", (e) => {
  if (e.isComposing || e.keyCode === 229) return; // an input method is composing
  if (e.ctrlKey || e.metaKey || e.altKey || !on?.checked) return;
  if (typing(e.target) || $("dialog[open]")) return;
  const key = named(e);
  if (/^(Space|Enter)$/.test(key) && e.target.closest("button, a, summary, label, input")) {
    if (e.repeat && e.target.closest("button, a")) e.preventDefault(); // it was pressed by this very key
    return;
  }
  const combo = prefix ? `${prefix} ${key}` : key;
  prefix = "";
  const el = $$("[data-key]").find((n) => n.dataset.key === combo && usable(n));
  if (el) {
    e.preventDefault();
    if (e.repeat && !("repeats" in el.dataset)) return; // a key that is held is one press
    el.focus({ preventScroll: el.tagName !== "INPUT" });
    if (el.tagName !== "INPUT") el.click();
    if (el.closest("details.ask[open]")) $("button", el.parentElement).focus(); // what asks once is answered by Enter
    return;
  }
  if (key === "g") {
    prefix = "g";
    setTimeout(() => (prefix = ""), PREFIX_MS);
  }
});

const keyRow = (el) => {
  const dt = document.createElement("dt");
  for (const key of el.dataset.key.split(" ")) {
    const kbd = document.createElement("kbd");
    kbd.textContent = key;
    dt.append(kbd, " ");
  }
  const label = el.cloneNode(true);
  $$("kbd", label).forEach((kbd) => kbd.remove());
  const dd = document.createElement("dd");
  dd.textContent = el.dataset.keyLabel || el.getAttribute("aria-label") || label.textContent.trim().replace(/\s+/g, " ");
  return [dt, dd];
};
$("#help")?.addEventListener("click", () => {
  const isFirst = (el, at, all) => all.findIndex((other) => other.dataset.key === el.dataset.key) === at; // which the key reaches
  $("#keys .keylist").replaceChildren(...$$("[data-key]").filter(usable).filter(isFirst).flatMap(keyRow));
  $("#keys").showModal();
});

// The account menu closes like a menu: by Escape, or by a click elsewhere.
const menu = $("#who");
if (menu) {
  document.addEventListener("click", (e) => { if (!menu.contains(e.target)) menu.open = false; });
  menu.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || !menu.open) return;
    e.stopPropagation(); // here it means no more than that
    menu.open = false;
    $("summary", menu).focus();
  });
}

// Who signs out leaves nothing behind that they wrote (question.js).
for (const form of $$("[data-sign-out]")) form.addEventListener("submit", () => {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith("gradus-draft-")) localStorage.removeItem(key);
    sessionStorage.removeItem("gradus-list"); // words that they searched for
    sessionStorage.removeItem("gradus-unanswered"); // cards of a review
  } catch { /* storage is off: there is nothing */ }
});

// An error at a field goes once the field is changed; what the site says of it is asked anew.
document.addEventListener("input", (e) => {
  const form = e.target.closest?.("form, .written");
  if (!form) return;
  const { ariaInvalid, id } = e.target, ids = e.target.getAttribute("aria-describedby")?.split(" ") ?? [];
  if (ariaInvalid === "true") {
    e.target.removeAttribute("aria-invalid");
    for (const error of [...ids, `${id}_error`].map((name) => document.getElementById(name))) if (error?.matches(".wrong, .wrongs")) error.remove();
  }
  $(".said[data-kind=unread]", form)?.remove();
});
// One that was told of a lost connection goes when it is back.
addEventListener("online", () => $$(".wrong.offline").forEach((line) => line.remove()));

// A link is copied; where the browser does not allow that, it is selected.
document.addEventListener("click", async (e) => {
  const button = e.target.closest("[data-copy]"), source = button && document.getElementById(button.dataset.copy);
  if (!source) return;
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = button.dataset.copied;
    say(button.dataset.copied);
  } catch {
    getSelection().selectAllChildren(source);
  }
});

// ---------------------------------------------------------------- wide things

// Wide tables and code scroll sideways: make exactly those reachable by keyboard,
// also when they appear later (a swap) or when a font arrives late.
const WIDE = ".katex-display, .code pre, .scroll";
const reach = (el) => {
  if (el.scrollWidth > el.clientWidth + 1) el.tabIndex = 0;
  else el.removeAttribute("tabindex");
};
const sized = new ResizeObserver((entries) => entries.forEach((entry) => reach(entry.target)));
const watch = () => $$(WIDE).forEach((el) => sized.observe(el));
watch();
document.addEventListener("htmx:afterSettle", watch);
document.fonts.addEventListener("loadingdone", () => $$(WIDE).forEach(reach));

// A new account starts in the browser's time zone.
for (const field of $$("[data-time-zone]")) field.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
