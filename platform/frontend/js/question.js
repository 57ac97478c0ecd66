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

/* A form that cannot be sent stays as it is, and says so. */
function stay(form) {
  form.parentElement.querySelector(":scope > .wrong.offline")?.remove();
  const line = document.createElement("p");
  line.className = "wrong offline";
  line.setAttribute("role", "alert");
  line.textContent = $("#words").dataset.offline;
  form.after(line);
}

/* Control and Enter send what is being written, from wherever in its form. */
function onKey(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  event.preventDefault();
  const form = event.currentTarget;
  form.requestSubmit($("button:not([name])", form));
}

function forms() {
  for (const form of $$("form[data-answer], #reveal, form.points, form.notes")) form.addEventListener("keydown", onKey);
  for (const form of $$("form[data-answer], #reveal")) {
    form.addEventListener("submit", (event) => {
      if (!navigator.onLine) {
        event.preventDefault();
        stay(form);
        return;
      }
      const button = event.submitter;
      if (button?.dataset.busyWord) {
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
