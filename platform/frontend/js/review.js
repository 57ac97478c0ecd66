/* A review: a grade is queued and sent in the background, and the next card is prefetched. While offline, grades stay queued here. */
import { $, $$, say } from "./shell.js";
import { add, drop, flush, show, waiting } from "./grades.js";
import { start as startQuestion } from "./question.js";
import { reopen, setUndone } from "./reopened.js";

let ahead = null; // a promise of the next card's page
let before = null; // the page before the last grade, for undo while offline
let turn = 0; // counts grades and undos: a response that belongs to an earlier turn is ignored
let undoing = false;

const session = () => $("#session");
const shown = () => $$("[name=shown]");
const owner = (page) => page.querySelector("#unsent")?.dataset.owner;
const onward = () => session()?.dataset.next ?? "/review";

// Milliseconds by which the site's clock is ahead of this device's, by the time that the page carries.
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

/* After a grade the address is that of the next card, for a reload and for the forms of theme and language. */
function leave() {
  history.replaceState(null, "", onward());
  for (const field of $$(".tools [name=next]")) field.value = onward();
}

function put(page) {
  const main = $("#main"), fetched = page.querySelector("#main");
  before = { nodes: [...main.childNodes], title: document.title };
  main.replaceChildren(...[...fetched.childNodes].map((node) => document.importNode(node, true)));
  document.title = page.title;
  const waited = present() - Number(session().dataset.now); // between prefetch and display
  for (const field of shown()) field.value = Number(field.value) + waited;
  startQuestion();
  attend();
  seen();
}

/* A new card is shown: scroll to its beginning, and let scripts look for wide content again. */
function seen() {
  document.dispatchEvent(new Event("htmx:afterSettle"));
  scrollTo(0, 0);
  $("#main").focus({ preventScroll: true });
  say($("#main h1")?.textContent ?? "");
}

async function next() {
  turn += 1;
  const started = turn, page = await ahead;
  if (started !== turn) return;
  if (page && owner(page) !== owner(document)) location.assign(onward()); // signed out, or another account is signed in
  else if (page?.querySelector("#session")) put(page);
  else {
    const sent = await flush();
    if (started !== turn) return;
    if (sent) location.assign(onward()); // the summary, or a card in a learning step
    else stay();
  }
}

/* No next card was fetched: say so, and go on once the grades are sent. */
function stay() {
  const started = turn, words = document.createElement("p");
  show(true);
  words.className = "note";
  words.id = "stays";
  words.setAttribute("role", "status");
  words.textContent = session().dataset.offline;
  $("#unsent").after(words);
  document.addEventListener("gradessent", () => { if (started === turn) location.assign(onward()); }, { once: true });
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

/* A queued grade is removed here. One whose request is in flight may be stored already: then the site undoes it. */
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
  setUndone(drop()?.data.attempt, true);
  const graded = $("form[data-grade][data-sent]");
  if (graded) again(graded);
  else if (before) restore();
  reopenCard();
  show();
}

/* The card of a grade that was undone here is unanswered, after a reload, too. */
function reopenCard() {
  const article = $("article.q[data-revealed='1']"), sheet = article && reopen(article);
  if (!sheet) return;
  startQuestion();
  revealByTap(sheet);
  seen();
}

function restore() {
  $("#main").replaceChildren(...before.nodes);
  document.title = before.title;
  before = null;
  const form = $("form[data-grade]");
  if (form) again(form);
  seen();
}

/* Let the card be graded again with a new review_id: should the removed grade have reached the site, the new one replaces it. */
function again(form) {
  delete form.dataset.sent;
  form.elements.review_id.value = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  $("#stays")?.remove();
  fetchAhead();
}

/* Time in the pause dialog does not count. */
function onPause() {
  const dialog = $("#paused"), from = Date.now();
  dialog.addEventListener("close", () => {
    for (const field of shown()) field.value = Number(field.value) + Date.now() - from;
  }, { once: true });
  dialog.showModal();
}

/* On a touch screen a tap on the question reveals; not on controls or scrolling areas, nor once an answer is begun: it would be lost. */
const INTERACTIVE = "a, button, input, textarea, select, label, summary, details, form:not(#reveal), pre, .scroll, .katex-display";
function revealByTap(article) {
  let begun = false, writing = false;
  article.addEventListener("input", (event) => { begun ||= event.target.closest("[data-answer]") !== null; });
  article.addEventListener("pointerdown", () => { writing = document.activeElement.matches("input, textarea, select"); }); // this tap closes the keyboard
  article.addEventListener("click", (event) => {
    if (begun || writing || event.target.closest(INTERACTIVE) || getSelection()?.toString() || !matchMedia("(pointer: coarse)").matches) return;
    $("#reveal .reveal-row button")?.click();
  });
}

function attend() {
  $("form[data-grade]")?.addEventListener("submit", onGrade);
  $("form[action$='/undo']")?.addEventListener("submit", onUndo);
  $("#pause")?.addEventListener("click", onPause);
  const article = $("article.q");
  if (article) revealByTap(article);
  show();
  fetchAhead();
  reopenCard();
}

attend();
// A page from the back/forward cache may show a card that was graded since.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
