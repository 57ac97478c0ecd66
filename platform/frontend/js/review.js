/* A review: a grade is taken at once and sent behind; the next card is fetched ahead. Without a connection grades wait here. */
import { $, $$, say } from "./shell.js";
import { add, drop, flush, show, waiting } from "./grades.js";
import { start as startQuestion } from "./question.js";

let ahead = null; // the next card's page, on its way
let before = null; // the page that was left by the last grade, for undo without a connection
let turn = 0; // counts grades and undos: what was on its way for an earlier one comes to nothing
let undoing = false;

const session = () => $("#session");
const shown = () => $$("[name=shown]");
const owner = (page) => page.querySelector("#unsent")?.dataset.owner;
const onward = () => session()?.dataset.next ?? "/review";

// The page came just now: what it says the time is, is the site's clock, so many milliseconds ahead of this device's.
const aheadBy = session() ? Number(session().dataset.now) - Date.now() : 0;
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

/* From the grade on the address is that of what comes next, for a reload, and for a change of theme or language too. */
function leave() {
  history.replaceState(null, "", onward());
  for (const field of $$(".tools [name=next]")) field.value = onward();
}

function put(page) {
  const main = $("#main"), found = page.querySelector("#main");
  before = { nodes: [...main.childNodes], title: document.title };
  main.replaceChildren(...[...found.childNodes].map((node) => document.importNode(node, true)));
  document.title = page.title;
  const waited = present() - Number(session().dataset.now); // it was fetched before it was seen
  for (const field of shown()) field.value = Number(field.value) + waited;
  startQuestion();
  attend();
  seen();
}

/* Another card stands there: it is read from its beginning, and what is wide is looked at again. */
function seen() {
  document.dispatchEvent(new Event("htmx:afterSettle"));
  scrollTo(0, 0);
  $("#main").focus({ preventScroll: true });
  say($("#main h1")?.textContent ?? "");
}

async function next() {
  turn += 1;
  const mine = turn, page = await ahead;
  if (mine !== turn) return;
  if (page && owner(page) !== owner(document)) location.assign(onward()); // signed out, or another account is signed in
  else if (page?.querySelector("#session")) put(page);
  else {
    const sent = await flush();
    if (mine !== turn) return;
    if (sent) location.assign(onward()); // the end, or a card that comes back
    else stay();
  }
}

/* Nothing more was fetched: say it, and go on once the grades are sent. */
function stay() {
  const mine = turn, words = document.createElement("p");
  show(true);
  words.className = "note";
  words.id = "stays";
  words.setAttribute("role", "status");
  words.textContent = session().dataset.offline;
  $("#unsent").after(words);
  document.addEventListener("gradessent", () => { if (mine === turn) location.assign(onward()); }, { once: true });
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
  leave();
  say(event.submitter?.querySelector("b")?.textContent ?? event.submitter?.textContent ?? "");
  next();
}

/* What waits here is taken back here. But a grade that is on its way may be there already: then the site takes it back. */
async function onUndo(event) {
  if (!waiting().length) return;
  event.preventDefault();
  const form = event.currentTarget;
  if (undoing) return;
  undoing = true;
  turn += 1;
  const sent = navigator.onLine && await flush();
  undoing = false;
  if (sent) {
    form.submit();
    return;
  }
  drop();
  const graded = $("form[data-grade][data-sent]");
  if (graded) again(graded);
  else if (before) restore();
  show();
}

function restore() {
  $("#main").replaceChildren(...before.nodes);
  document.title = before.title;
  before = null;
  const form = $("form[data-grade]");
  if (form) again(form);
  seen();
}

/* It may be graded again, under another name: should the grade that was taken back have come to the site, this one replaces it. */
function again(form) {
  delete form.dataset.sent;
  form.elements.review_id.value = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  $("#stays")?.remove();
  fetchAhead();
}

/* While it is paused the time stands still. */
function onPause() {
  const dialog = $("#paused"), from = Date.now();
  dialog.addEventListener("close", () => {
    for (const field of shown()) field.value = Number(field.value) + Date.now() - from;
  }, { once: true });
  dialog.showModal();
}

/* On a touch screen the sheet itself reveals; not where one writes, opens or scrolls, nor while an answer is begun: it would be lost. */
const OWN = "a, button, input, textarea, select, label, summary, details, form:not(#reveal), pre, .scroll, .katex-display";
function revealByTap(sheet) {
  let begun = false, writing = false;
  sheet.addEventListener("input", (event) => { begun ||= event.target.closest("[data-answer]") !== null; });
  sheet.addEventListener("pointerdown", () => { writing = document.activeElement.matches("input, textarea, select"); }); // this tap puts the keyboard away
  sheet.addEventListener("click", (event) => {
    if (begun || writing || event.target.closest(OWN) || getSelection()?.toString() || !matchMedia("(pointer: coarse)").matches) return;
    $("#reveal .reveal-row button")?.click();
  });
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

attend();
// A page that the browser kept as it was left shows a card that may be graded since.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
