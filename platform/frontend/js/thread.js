/* Threads: posts by keyboard, quotes, votes, and the form that a post is written with. Everything works without this file. */
import "./pictures.js";
import "./tall-posts.js";
import "./thread-live.js";
import { store } from "./drafts.js";
import { $, $$, say } from "./shell.js";

const composer = $("#composer"), text = $("#text");
const BAR_PX = 72; // what the bar covers

// ---------------------------------------------------------------- drafts

/* A draft goes with the key of its form, so that it is posted once however often it is sent. It is dropped where the post is
   seen on the site, not when the form is sent: the request may fail. Another text needs another key. */
const SENT = ".sent";
const freshKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function dropPosted() {
  const posted = new Set($$("[data-sent]").map((post) => post.dataset.sent));
  for (const name of store.names()) {
    if (!name.endsWith(SENT) || !posted.has(store.get(name))) continue;
    for (const part of ["", "-title", SENT]) store.drop(name.slice(0, -SENT.length) + part);
  }
}

function restore(field) {
  const draft = store.get(field.dataset.draft);
  if (!draft || "entered" in text.dataset || field.value.includes(draft.trim())) return false;
  field.value = field.value.trim() ? `${draft.trimEnd()}\n\n${field.value}` : draft;
  return true;
}

function keepDrafts() {
  const key = composer.elements.key, saved = $("#saved"), fields = $$("[data-draft]", composer);
  if (!key || !fields.length) return;
  const sent = text.dataset.draft + SENT;
  if (fields.map(restore).includes(true)) {
    key.value = store.get(sent) || key.value;
    if (saved) saved.textContent = saved.dataset.saved;
  }
  let timer = 0;
  composer.addEventListener("input", (event) => {
    if (!event.target.dataset.draft) return;
    if (store.get(sent)) {
      store.drop(sent);
      key.value = freshKey();
    }
    const isKept = store.set(event.target.dataset.draft, event.target.value);
    clearTimeout(timer);
    timer = setTimeout(() => { if (saved && isKept) saved.textContent = text.value.trim() ? saved.dataset.saved : ""; }, 400);
  });
  composer.addEventListener("submit", () => store.set(sent, key.value));
}

// ---------------------------------------------------------------- the form

function changed() {
  text.dispatchEvent(new Event("input", { bubbles: true }));
  text.focus();
}

/* Put `before|after` around the selection. What begins with a line break begins on a line of its own. */
function insert(pattern) {
  const [before, after = ""] = pattern.split("|");
  const { selectionStart: start, selectionEnd: end, value } = text;
  const atLineStart = start === 0 || value[start - 1] === "\n";
  const opening = before.startsWith("\n") && atLineStart ? before.slice(1) : before;
  const chosen = value.slice(start, end);
  text.setRangeText(opening + chosen + after, start, end, "end");
  text.selectionStart = text.selectionEnd = start + opening.length + chosen.length;
  changed();
}

/* Begin each chosen line with `prefix`. */
function prefix(sign) {
  const { selectionStart: start, selectionEnd: end, value } = text;
  const from = value.lastIndexOf("\n", start - 1) + 1;
  const lines = value.slice(from, end).split("\n").map((line) => sign + line).join("\n");
  text.setRangeText(lines, from, end, "end");
  changed();
}

/* Add a quotation at the end, after an empty line. */
function append(quoted) {
  const before = text.value.trimEnd();
  text.value = before ? `${before}\n\n${quoted}` : quoted;
  text.selectionStart = text.selectionEnd = text.value.length;
  changed();
  composer.scrollIntoView({ block: "nearest" });
}

function startComposer() {
  keepDrafts();
  composer.addEventListener("click", (event) => {
    const { insert: pattern, prefix: sign, placeInText: place } = event.target.closest("button")?.dataset ?? {};
    if (pattern) insert(pattern);
    if (sign) prefix(sign);
    if (place) {
      text.focus();
      text.setSelectionRange(Number(place), Number(place) + 1);
    }
  });
  const picker = $("#pick-run"), runs = $("#own-runs");
  picker?.addEventListener("click", () => {
    runs.hidden = !runs.hidden;
    picker.setAttribute("aria-expanded", String(!runs.hidden));
  });
  composer.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    if (!event.repeat) composer.requestSubmit($("#post-it"));
  });
  let isSent = false;
  composer.addEventListener("submit", (event) => {
    if (!navigator.onLine || event.submitter?.name === "preview") return;
    if (isSent) event.preventDefault(); // the key would make it one post in any case
    isSent = true;
    $("#post-it").setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", () => {
    isSent = false;
    $("#post-it").removeAttribute("aria-busy");
  });
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "preview") return;
  const heading = $("#preview-h");
  say((heading ?? event.detail.target).textContent.trim());
  heading?.closest("section").scrollIntoView({ block: "nearest" });
});

// ---------------------------------------------------------------- posts

const posts = () => $$("#posts > .post");
let current = null; // the one that was focused last: a key first focuses the button that it presses
document.addEventListener("focusin", (event) => { current = event.target.closest("#posts > .post") ?? current; });
document.addEventListener("pointerdown", (event) => { current = event.target.closest("#posts > .post") ?? current; });

const inView = (post) => { const { top, bottom } = post.getBoundingClientRect(); return bottom > BAR_PX && top < innerHeight; };
const shown = () => (current?.isConnected && inView(current) ? current : null);
const aimed = () => shown() ?? posts().find(inView) ?? null;

function move(by) {
  const all = posts(), at = all.indexOf(shown());
  const next = at >= 0 ? Math.min(all.length - 1, Math.max(0, at + by)) : all.indexOf(aimed());
  if (next < 0) return;
  all[next].focus({ preventScroll: true });
  all[next].scrollIntoView({ block: all[next].offsetHeight < innerHeight / 2 ? "nearest" : "start" });
}

/* What was chosen in a post: formulas become TeX again. */
let chosen = null; // {post, range}; a key that focuses a button may end the selection
document.addEventListener("selectionchange", () => {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) {
    if (!document.activeElement?.matches("#quote-selection")) chosen = null;
    return;
  }
  const range = selection.getRangeAt(0);
  const post = (range.commonAncestorContainer.parentElement ?? document.body).closest(".post");
  chosen = post?.querySelector(".read")?.contains(range.commonAncestorContainer) ? { post, range: range.cloneRange() } : null;
});

/* What was chosen in a fold is quoted in a fold; in what a citation shows, which depends on who reads it, not at all. */
function markdownOf(range) {
  const { commonAncestorContainer: node } = range;
  const within = (selector) => (node.closest ? node : node.parentElement).closest(selector);
  if (within("figure")) return "";
  const sign = within("details.spoiler") ? ">! " : "";
  const part = document.createElement("div");
  part.append(range.cloneContents());
  for (const formula of $$(".katex-display, .katex", part)) {
    const tex = $("annotation", formula)?.textContent;
    if (tex && part.contains(formula)) formula.replaceWith(formula.matches(".katex-display") ? `\n$$${tex}$$\n` : `$${tex}$`);
  }
  for (const code of $$("pre", part)) code.replaceWith(`\n\`\`\`\n${code.textContent.trimEnd()}\n\`\`\`\n`);
  for (const code of $$("code", part)) code.replaceWith(`\`${code.textContent}\``);
  for (const block of $$("p, li, h4, h5, blockquote, table, tr", part)) block.append("\n\n");
  for (const fold of $$("details.spoiler, figure, summary", part)) fold.remove(); // what gives something away is not quoted
  return part.textContent.replace(/\n{3,}/g, "\n\n").trim().replace(/^(?=[^])/gm, sign);
}

async function quote(post) {
  const link = $("[data-quote]", post);
  if (!link || !text) return;
  const range = chosen?.post === post ? markdownOf(chosen.range) : "";
  const source = `[${$("header b", post).dataset.handle ?? `#${post.dataset.number}`}](${$(".at", post).getAttribute("href").split("?")[0]}):`;
  if (range) {
    append(`${[source, "", ...range.split("\n")].map((line) => `> ${line}`.trimEnd()).join("\n")}\n\n`);
    getSelection().removeAllRanges();
    return;
  }
  const response = await fetch(link.dataset.quote, { headers: { Accept: "text/plain" } }).catch(() => null);
  if (response?.ok) append(await response.text());
  else location.assign(link.href);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-quote]");
  if (!link || !text || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  quote(link.closest(".post"));
});
$("#quote-selection")?.addEventListener("click", () => { const post = chosen?.post ?? aimed(); if (post) quote(post); });
$("#vote-post")?.addEventListener("click", () => { const post = aimed(); if (post) $(".vote.up", post)?.click(); });
$("#next-post")?.addEventListener("click", () => move(1));
$("#previous-post")?.addEventListener("click", () => move(-1));

document.addEventListener("htmx:afterSwap", (event) => {
  const swapped = event.detail.elt;
  if (swapped.matches?.(".votes")) say($(".vote.up", swapped)?.getAttribute("aria-label") ?? swapped.textContent.trim());
});

// ---------------------------------------------------------------- begin

dropPosted();
if (composer) startComposer();
if (location.hash === "#composer" && text) {
  text.focus();
  text.selectionStart = text.selectionEnd = text.value.length;
}
