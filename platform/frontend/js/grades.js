/* The queue of grades that are not sent yet, in localStorage. Each carries a review_id, so sending is idempotent and the order of
   arrival is irrelevant. Each account has a queue of its own, sent when that account is signed in again. */
import { $ } from "./shell.js";

const key = () => `gradus-grades-${$("#unsent")?.dataset.owner ?? ""}`;
const RETRY_MS = 5000, MAX_RETRY_MS = 60000, TIMEOUT_MS = 15000;
const TEMPORARY = [401, 403, 408, 425, 429]; // signed out, a stale CSRF token, throttled: retried later
let sending = null, timer = 0, retry = RETRY_MS;
let memory = null; // the queue, where storage is full or off: it lasts as long as the page
let late = false; // whether the last request failed
export let refused = false; // whether the site refused a grade for good

export function waiting() {
  if (memory) return memory;
  try {
    const grades = JSON.parse(localStorage.getItem(key()));
    return Array.isArray(grades) ? grades : [];
  } catch {
    return [];
  }
}

function store(grades) {
  try {
    localStorage.setItem(key(), JSON.stringify(grades));
    memory = null;
  } catch {
    memory = grades;
  }
  show();
}

/* Show how many grades are not sent: while offline, after a failed request, or `always`. Show that one was refused. */
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
  store([...waiting(), grade]);
}

/* Remove the newest grade that is not sent, and return it. */
export function drop() {
  const grades = waiting(), newest = grades.pop();
  store(grades);
  return newest;
}

/* Send the queue, oldest first. Returns whether it is empty now. */
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
        redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const isRefused = response.status >= 400 && response.status < 500 && !TEMPORARY.includes(response.status);
      if (!response.ok && !isRefused) throw new Error(`status ${response.status}`); // the grade stays in the queue
      refused ||= isRefused;
      store(waiting().filter((other) => other.data.review_id !== grade.data.review_id));
    }
    retry = RETRY_MS;
    late = false;
    if (was) document.dispatchEvent(new Event("gradessent"));
  } catch {
    late = true;
    timer = setTimeout(flush, retry);
    retry = Math.min(2 * retry, MAX_RETRY_MS);
  }
  show();
  return !waiting().length;
}

addEventListener("beforeunload", (event) => {
  if (memory?.length) event.preventDefault(); // the queue would be lost with the page: the browser asks
});
addEventListener("online", flush);
addEventListener("offline", () => show());
if (waiting().length) flush();
