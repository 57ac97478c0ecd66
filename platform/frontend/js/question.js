/* A question: drafts of written answers are stored on the device; a pressed button says that the answer is being checked. */
import { store } from "./drafts.js";
import { $, $$, say } from "./shell.js";

/* A draft is dropped once the reference answer is open, not when the form is sent: the request may fail. */
function drafts() {
  for (const field of $$("[data-draft]")) {
    const draft = store.get(field.dataset.draft);
    if (draft && "blank" in field.dataset) field.value = draft; // the site has no answer yet: the field is empty or holds starter code
    field.addEventListener("input", () => store.set(field.dataset.draft, field.value));
  }
  if ($("article.q")?.dataset.revealed === "1") store.drop($("article.q [name=attempt]")?.value);
}

/* Ctrl+Enter submits the form that has the focus. */
function onKey(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing || event.keyCode === 229) return;
  const form = event.currentTarget, button = $("button:not([name], [type=button])", form);
  if (!button) return; // every button carries a value of its own
  event.preventDefault();
  if (!event.repeat) form.requestSubmit(button);
}

/* The row of signs below a code field, for phones: a press inserts the sign at the caret. */
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

/* A page restored from the back/forward cache is not checking anything. */
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of $$("[data-word]")) {
    button.textContent = button.dataset.word;
    button.removeAttribute("aria-busy");
  }
});

/* The result of the last check is in the page as it loads, where screen readers do not announce live regions. */
function announceResult() {
  const part = location.hash && document.getElementById(location.hash.slice(1));
  const result = $(".said[data-kind=unread]") ?? (part && $(".said", part));
  if (result) say(result.textContent);
}

/* The line that says which grade follows goes with the ticks, and so do the grade that Space gives and the button that is marked. */
function followTicks() {
  const form = $("form.points[data-rule]");
  if (!form) return;
  const { lines, ratings } = JSON.parse(form.dataset.rule);
  form.addEventListener("change", () => {
    const ticked = $$("[name=point]:checked", form).length, space = $("form.grade [data-key=Space]");
    $("#rule").textContent = lines[ticked];
    for (const button of $$("form.grade .g")) button.classList.toggle("follows", Number(button.value) === ratings[ticked]);
    if (space) space.value = ratings[ticked];
  });
}

export function start() {
  followTicks();
  drafts();
  forms();
  announceResult();
  if (location.hash === "#ref") $("#ref-h")?.focus({ preventScroll: true });
}
start();
