/* A question: what is written is kept on the device until it is sent; a press says that it is being checked. */
import { $, $$ } from "./shell.js";

const DRAFT = "gradus-draft-";
const store = {
  get: (key) => { try { return localStorage.getItem(DRAFT + key); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(DRAFT + key, value); } catch { /* not kept, then */ } },
  drop: (key) => { try { localStorage.removeItem(DRAFT + key); } catch { /* nothing was kept */ } },
};

function drafts() {
  for (const field of $$("[data-draft]")) {
    field.value ||= store.get(field.dataset.draft) ?? "";
    field.addEventListener("input", () => store.set(field.dataset.draft, field.value));
    field.form.addEventListener("submit", () => { if (navigator.onLine) store.drop(field.dataset.draft); });
  }
}

/* Control and Enter send what is being written, from wherever in its form. */
function onKey(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  event.preventDefault();
  const form = event.currentTarget;
  form.requestSubmit($("button:not([name])", form));
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
        button.textContent = button.dataset.busyWord;
        button.setAttribute("aria-busy", "true");
      }
    });
  }
}

export function start() {
  drafts();
  forms();
  if (location.hash === "#ref") $("#ref-h")?.focus({ preventScroll: true });
}
start();
