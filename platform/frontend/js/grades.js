/* Grades on their way. They wait in this browser until the site has them: each has a name of its own, so sending one twice is
   harmless, and the order in which they arrive does not matter. Each account has its own: what one left waits until it is back. */
import { $ } from "./shell.js";

const key = () => `gradus-grades-${$("#unsent")?.dataset.owner ?? ""}`;
const RETRY_MS = 5000, LONGEST_RETRY_MS = 60000, PATIENCE_MS = 15000;
const PASSING = [401, 403, 408, 425, 429]; // signed out, a page of before a sign-in, too much at once: it may be taken later
let sending = null, timer = 0, retry = RETRY_MS;
let memory = null; // the grades, where storage is full or switched off: they last as long as the page
let late = false; // whether a run attempt failed
export let refused = false; // whether one was not taken

export function waiting() {
  if (memory) return memory;
  try {
    const kept = JSON.parse(localStorage.getItem(key()));
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

function keep(grades) {
  try {
    localStorage.setItem(key(), JSON.stringify(grades));
    memory = null;
  } catch {
    memory = grades;
  }
  show();
}

/* Say how many are not sent; nothing while there are none, or while the first tries go on. Say it when one was not taken. */
export function show(always = false) {
  const line = $("#unsent"), n = waiting().length;
  if (!line) return;
  const words = ($("#session") ?? line).dataset;
  const count = n === 1 ? words.queuedOne : (words.queuedMany ?? "").replace("{n}", n);
  const text = n && (always || late || !navigator.onLine) ? count : refused ? words.refused : "";
  line.hidden = !text;
  if (text && line.textContent !== text) line.textContent = text;
}

export function add(grade) {
  refused = false;
  keep([...waiting(), grade]);
}

/* Take back the newest grade that is not sent. */
export function drop() {
  keep(waiting().slice(0, -1));
}

/* Send what waits, oldest first. Returns whether nothing waits any more. */
export function flush() {
  sending ??= send().finally(() => { sending = null; });
  return sending;
}

async function send() {
  clearTimeout(timer);
  const was = waiting().length;
  try {
    for (let grade = waiting()[0]; grade; grade = waiting()[0]) {
      const token = ($("main [name=csrfmiddlewaretoken]") ?? $("[name=csrfmiddlewaretoken]"))?.value ?? "";
      const response = await fetch(grade.url, {
        method: "POST", headers: { Accept: "application/json", "X-CSRFToken": token }, body: new URLSearchParams(grade.data),
        redirect: "manual", signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const gone = response.status >= 400 && response.status < 500 && !PASSING.includes(response.status);
      if (!response.ok && !gone) throw new Error(`status ${response.status}`); // signed out, or the site is unwell: it keeps
      refused ||= gone;
      keep(waiting().filter((other) => other.data.review_id !== grade.data.review_id));
    }
    retry = RETRY_MS;
    late = false;
    if (was) document.dispatchEvent(new Event("gradessent"));
  } catch {
    late = true;
    timer = setTimeout(flush, retry);
    retry = Math.min(2 * retry, LONGEST_RETRY_MS);
  }
  show();
  return !waiting().length;
}

addEventListener("beforeunload", (event) => {
  if (memory?.length) event.preventDefault(); // they would be lost with the page: the browser asks
});
addEventListener("online", flush);
addEventListener("offline", () => show());
if (waiting().length) flush();
