/* A review: a grade is taken at once and sent behind; the next card is fetched ahead. Without a connection grades wait here. */
import { $, say } from "./shell.js";
import { add, drop, flush, show, waiting } from "./grades.js";
import { start as startQuestion } from "./question.js";

let ahead = null; // the next card's page, on its way
let before = null; // the page that was left by the last grade, for undo without a connection

let aheadBy = 0; // milliseconds that the site's clock is ahead of this device's

const session = () => $("#session");
const shown = () => document.querySelectorAll("[name=shown]");
const present = () => Math.round(Date.now() + aheadBy);

function fetchAhead() {
  const card = $("form[data-grade]")?.dataset.card || $("[name=card]")?.value;
  ahead = null;
  if (!session() || !card) return;
  const without = [card, ...waiting().map((grade) => grade.card)].filter(Boolean).join(",");
  ahead = fetch(`${session().dataset.next}?without=${without}`, { headers: { Accept: "text/html" } })
    .then((response) => (response.ok ? response.text() : null))
    .then((html) => html && new DOMParser().parseFromString(html, "text/html"))
    .catch(() => null);
}

function put(page) {
  const main = $("#main"), found = page.querySelector("#main");
  before = { nodes: [...main.childNodes], title: document.title };
  main.replaceChildren(...[...found.childNodes].map((node) => document.importNode(node, true)));
  document.title = page.title;
  for (const field of shown()) field.value = present(); // it was fetched before it was seen
  history.replaceState(null, "", session().dataset.next);
  startQuestion();
  attend();
  document.dispatchEvent(new Event("htmx:afterSettle")); // what is wide is looked at again
  scrollTo(0, 0);
  main.focus({ preventScroll: true });
  say($("h1", main)?.textContent ?? "");
}

async function next() {
  const page = await ahead;
  if (page?.querySelector("#session")) {
    put(page);
    return;
  }
  if (await flush()) location.assign(session()?.dataset.next ?? "/review"); // the end, or a card that comes back
  else stay();
}

/* Nothing more was fetched: say it, and go on when the connection is back. */
function stay() {
  const line = $("#unsent");
  show(true);
  const words = document.createElement("p");
  words.className = "note";
  words.setAttribute("role", "status");
  words.textContent = session().dataset.offline;
  line.after(words);
  addEventListener("online", async () => { if (await flush()) location.assign(session().dataset.next); }, { once: true });
}

function onGrade(event) {
  event.preventDefault();
  const form = event.currentTarget, data = Object.fromEntries(new FormData(form, event.submitter));
  if (form.dataset.sent) return;
  form.dataset.sent = "1";
  data.at = present().toString();
  delete data.csrfmiddlewaretoken;
  add({ url: form.action, card: form.dataset.card, data });
  flush();
  say(event.submitter?.querySelector("b")?.textContent ?? event.submitter?.textContent ?? "");
  next();
}

function onUndo(event) {
  if (!waiting().length) return;
  event.preventDefault(); // the site does not know of it yet
  drop();
  if (!before) return;
  $("#main").replaceChildren(...before.nodes);
  document.title = before.title;
  const form = $("form[data-grade]");
  if (form) delete form.dataset.sent;
  before = null;
  show();
  fetchAhead();
}

/* On a touch screen the sheet itself reveals; not where one writes, opens or scrolls, nor while an answer is begun: it would be lost. */
const OWN = "a, button, input, textarea, select, label, summary, details, form:not(#reveal), pre, .scroll, .katex-display";
function revealByTap(sheet) {
  let begun = false;
  sheet.addEventListener("input", (event) => { begun ||= event.target.closest("[data-answer]") !== null; });
  sheet.addEventListener("click", (event) => {
    if (begun || event.target.closest(OWN) || getSelection()?.toString() || !matchMedia("(pointer: coarse)").matches) return;
    $("#reveal button")?.click();
  });
}

/* While it is paused the time stands still. */
function onPause() {
  const dialog = $("#paused"), from = Date.now();
  dialog.addEventListener("close", () => {
    for (const field of shown()) field.value = Number(field.value) + Date.now() - from;
  }, { once: true });
  dialog.showModal();
}

function attend() {
  $("form[data-grade]")?.addEventListener("submit", onGrade);
  $("form[action$='/undo']")?.addEventListener("submit", onUndo);
  $("#pause")?.addEventListener("click", onPause);
  const sheet = $("article.q");
  if (sheet) revealByTap(sheet);
  show();
  fetchAhead();
}

// The page came just now: what it says the time is, is the site's clock.
const [first] = shown();
if (first) aheadBy = Number(first.value) - Date.now();
attend();
