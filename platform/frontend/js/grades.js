/* Grades on their way. They wait in this browser until the site has them: each has a name of its own, so sending one twice is
   harmless, and the order in which they arrive does not matter. Each account has its own: what one left waits until it is back. */
import { $, say } from "./shell.js";

const key = () => `gradus-grades-${$("#unsent")?.dataset.owner ?? ""}`;
const RETRY_MS = 5000;
let sending = null, timer = 0;
let memory = []; // where storage is switched off

export function waiting() {
  try {
    return JSON.parse(localStorage.getItem(key())) ?? [];
  } catch {
    return memory;
  }
}

function keep(grades) {
  memory = grades;
  try {
    localStorage.setItem(key(), JSON.stringify(grades));
  } catch { /* the list in memory lasts as long as the page */ }
  show();
}

/* Say how many are not sent; nothing while there are none, or while the first tries go on. */
export function show(always = false) {
  const line = $("#unsent"), n = waiting().length;
  if (!line) return;
  const words = ($("#session") ?? line).dataset;
  const late = always || !navigator.onLine || line.dataset.late === "1";
  line.hidden = !n || !late;
  const text = n === 1 ? words.queuedOne : (words.queuedMany ?? "").replace("{n}", n);
  if (!line.hidden && line.textContent !== text) line.textContent = text;
}

export function add(grade) {
  keep([...waiting(), grade]);
}

/* Take back the newest grade that is not sent. */
export function drop() {
  const grades = waiting(), last = grades.pop();
  keep(grades);
  return last;
}

/* Send what waits, oldest first. Returns whether nothing waits any more. */
export function flush() {
  sending ??= send().finally(() => { sending = null; });
  return sending;
}

async function send() {
  clearTimeout(timer);
  try {
    for (let grade = waiting()[0]; grade; grade = waiting()[0]) {
      const token = $("[name=csrfmiddlewaretoken]")?.value ?? "";
      const response = await fetch(grade.url, {
        method: "POST", headers: { Accept: "application/json", "X-CSRFToken": token }, body: new URLSearchParams(grade.data), redirect: "manual",
      });
      const gone = response.status === 400 || response.status === 404;
      if (!response.ok && !gone) throw new Error(`status ${response.status}`); // signed out, or the site is unwell: it keeps
      if (gone) say(($("#session") ?? $("#unsent"))?.dataset.refused ?? "");
      keep(waiting().filter((other) => other.data.review_id !== grade.data.review_id));
    }
    const line = $("#unsent");
    if (line) line.dataset.late = "0";
  } catch {
    const line = $("#unsent");
    if (line) line.dataset.late = "1";
    timer = setTimeout(flush, RETRY_MS);
  }
  show();
  return !waiting().length;
}

addEventListener("online", flush);
addEventListener("offline", () => show());
if (waiting().length) flush();
