/* A question: drafts of written answers are stored on the device; a pressed button says that the answer is being checked. */
import { store } from "./drafts.js";
import { remember } from "./reopened.js";
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

/* A visitor's text is stored nowhere; in this tab it outlives that another part is checked, which loads the page again. */
const WAITS = "gradus-waits";
function keepWhileChecking() {
  const field = $("#written:not([data-draft])"), question = $("article.q")?.dataset.question;
  if (!field) return;
  try {
    const [of, text] = JSON.parse(sessionStorage.getItem(WAITS)) ?? [];
    sessionStorage.removeItem(WAITS);
    if (text && of === question && "blank" in field.dataset) field.value = text;
  } catch { /* storage is off */ }
  for (const form of $$("form[data-answer]")) form.addEventListener("submit", () => {
    try {
      sessionStorage.setItem(WAITS, JSON.stringify([question, field.value]));
    } catch { /* storage is full or off */ }
  });
}

/* Ctrl+Enter submits the form that has the focus. */
function onKey(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing || event.keyCode === 229) return;
  const form = event.currentTarget.form ?? event.currentTarget, button = $("button:not([name], [type=button])", form);
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
  const outside = ":not(#reveal) > #written"; // where it stands before the parts
  for (const owner of $$(`form[data-answer], #reveal, form.points, form.notes, ${outside}`)) owner.addEventListener("keydown", onKey);
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

/* The result of the last check has the focus: live regions of a page that loads are not announced. */
function showResult() {
  const part = location.hash && document.getElementById(location.hash.slice(1));
  const result = $(".said[data-kind=unread]") ?? (part && $(".said", part));
  if (!result) return;
  result.tabIndex = -1;
  const focus = () => { if (document.activeElement === document.body) result.focus(); };
  if (document.readyState === "complete") focus();
  else addEventListener("load", () => setTimeout(focus), { once: true }); // going to the anchor takes the focus away
}

/* What was saved is confirmed where it was saved: the page opens there. */
function confirmInPlace() {
  const place = location.hash === "#note" && $("#note"), said = $(".messages")?.parentElement;
  if (place && said) place.append(said);
}

/* The list that one came from, with its filters and page, is remembered in this tab, whatever is sent meanwhile. */
const LIST = "gradus-list";
function leadBack() {
  const links = $$("[data-back-to-list]"), lists = links[0]?.dataset.backToList.split(" ");
  if (!lists) return;
  try {
    const from = document.referrer && new URL(document.referrer);
    if (from && from.origin === location.origin && lists.includes(from.pathname)) sessionStorage.setItem(LIST, from.pathname + from.search);
    const list = sessionStorage.getItem(LIST);
    if (list?.startsWith("/")) for (const link of links) link.setAttribute("href", list);
  } catch { /* storage is off: the links lead to the topic's list */ }
}

/* An order is arranged by dragging, by the buttons of each option and by arrow keys; the menus, which are sent, follow. */
function arrangeable(form) {
  const list = $(".options", form), rows = () => $$(":scope > li", list), { up, down, place } = form.dataset;
  const menu = (row) => $("select", row);
  const number = () => rows().forEach((row, n) => {
    menu(row).value = n + 1;
    const [higher, lower] = $$(".move", row);
    higher.disabled = n === 0;
    lower.disabled = n === rows().length - 1;
  });
  const moved = (row) => {
    number();
    form.dispatchEvent(new Event("input", { bubbles: true }));
    say(place.replace("{n}", menu(row).value).replace("{of}", rows().length));
  };
  function move(row, by) {
    const all = rows(), at = all.indexOf(row) + by;
    if (!all[at]) return;
    all[at][by < 0 ? "before" : "after"](row);
    moved(row);
    const [higher, lower] = $$(".move", row), wanted = by < 0 ? higher : lower;
    (wanted.disabled ? (by < 0 ? lower : higher) : wanted).focus();
  }
  function drag(row, event) {
    if (event.button || event.target.closest("button, a")) return;
    if (event.pointerType !== "mouse" && !event.target.closest(".grip")) return; // elsewhere a finger scrolls the page
    const grip = event.currentTarget, before = rows().indexOf(row);
    grip.setPointerCapture(event.pointerId);
    row.classList.add("dragged");
    const follow = ({ clientY }) => {
      const other = rows().find((candidate) => {
        const box = candidate.getBoundingClientRect();
        return candidate !== row && clientY > box.top && clientY < box.bottom;
      });
      if (other) other[rows().indexOf(other) < rows().indexOf(row) ? "before" : "after"](row);
    };
    const drop = () => {
      grip.removeEventListener("pointermove", follow);
      row.classList.remove("dragged");
      if (rows().indexOf(row) !== before) moved(row);
    };
    grip.addEventListener("pointermove", follow);
    grip.addEventListener("lostpointercapture", drop, { once: true });
  }
  for (const row of rows()) {
    const buttons = [[up, "↑", -1], [down, "↓", 1]].map(([label, sign, by]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "move";
      button.textContent = sign;
      button.setAttribute("aria-label", `${label}: ${$(".read", row).textContent.trim()}`);
      button.addEventListener("click", () => move(row, by));
      return button;
    });
    const option = $(".option", row), buttonBox = document.createElement("span");
    buttonBox.className = "moves";
    buttonBox.append(...buttons);
    option.prepend(Object.assign(document.createElement("span"), { className: "grip" }));
    option.append(buttonBox);
    menu(row).hidden = true;
    option.addEventListener("pointerdown", (event) => drag(row, event));
    option.addEventListener("click", (event) => { if (!event.target.closest("button, a")) event.preventDefault(); }); // a label presses its first button
    row.addEventListener("keydown", (event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!by || !event.target.closest(".move")) return;
      event.preventDefault();
      move(row, by);
    });
  }
  form.classList.add("arranged");
  list.append(...rows().sort((a, b) => (menu(a).value || Infinity) - (menu(b).value || Infinity)));
  number();
}

/* What is folded is opened by the table of contents, and for print. */
document.addEventListener("click", (event) => {
  const link = event.target.closest(".contents a"), fold = link && $(link.getAttribute("href"))?.closest("details");
  if (fold) fold.open = true; // before the browser goes there
});
const folded = () => $$(".q :is(.fold, .fold details):not([open])");
let unfolded = [];
addEventListener("beforeprint", () => { for (const fold of (unfolded = folded())) fold.open = true; });
addEventListener("afterprint", () => { for (const fold of unfolded) fold.open = false; });

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
  remember();
  leadBack();
  followTicks();
  for (const form of $$("form[data-order]:not(.arranged)")) arrangeable(form);
  drafts();
  keepWhileChecking();
  forms();
  showResult();
  confirmInPlace();
  if (location.hash === "#ref") $("#ref-h")?.focus({ preventScroll: true });
}
start();
