/* A card whose grade is undone before it was sent. The site has revealed its answer and knows nothing of the undo, so the card is reopened
   here: as it was before the reveal, which this tab remembers. */
import { store as drafts } from "./drafts.js";
import { $, $$ } from "./shell.js";

const KEY = "gradus-unanswered", MAX_CARDS = 12;
let cards = stored(); // attempt, HTML, and whether its grade was undone; the oldest first

function stored() {
  try {
    const rows = JSON.parse(sessionStorage.getItem(KEY));
    return Array.isArray(rows) ? rows : [];
  } catch {
    return [];
  }
}

function store() {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(cards));
  } catch { /* full or off: they are remembered as long as the page */ }
}

const attemptOf = (article) => $("[name=attempt]", article)?.value;

/* Remember a card before its reveal, as it was first shown. */
export function remember() {
  const article = $("#session article.q[data-revealed='0']"), attempt = article && attemptOf(article);
  if (!attempt || cards.some((card) => card.attempt === attempt)) return;
  cards = [...cards, { attempt, html: article.outerHTML, isUndone: false }].slice(-MAX_CARDS);
  store();
}

export function setUndone(attempt, isUndone) {
  for (const card of cards) if (card.attempt === attempt) card.isUndone = isUndone;
  store();
}

/* Show a card unanswered in place of its revealed answer, if its grade was undone; revealing it again needs no connection. Returns what is
   shown then. */
export function reopen(article) {
  const attempt = attemptOf(article), card = cards.find((other) => other.attempt === attempt && other.isUndone);
  const sheet = card && new DOMParser().parseFromString(card.html, "text/html").querySelector("article.q");
  if (!sheet) return null;
  for (const form of $$(".hints form", sheet)) form.remove(); // one that is opened now would come with the answer
  article.replaceWith(sheet);
  sheet.addEventListener("submit", (event) => {
    event.preventDefault(); // the site takes no more answers to this attempt: what was revealed is shown
    event.stopImmediatePropagation();
    const typed = $("#written", sheet)?.value, written = $(".wrote", article);
    if (typed && written) written.textContent = typed;
    drafts.drop(attempt);
    setUndone(attempt, false);
    sheet.replaceWith(article);
    $("#ref-h", article)?.focus();
  }, { capture: true });
  return sheet;
}
