/* htmx, and what it does everywhere: proves where the form came from, shows a line when it takes long,
   and says at the place of action what went wrong. */
import htmx from "htmx.org";
import { $, say } from "./shell.js";

const SLOW_MS = 150;
const root = document.documentElement;
let waiting = 0;

document.addEventListener("htmx:configRequest", (e) => {
  const token = $("[name=csrfmiddlewaretoken]")?.value;
  if (token) e.detail.headers["X-CSRFToken"] = token;
});

document.addEventListener("htmx:beforeRequest", (e) => {
  const target = e.detail.target;
  waiting += 1;
  const timer = setTimeout(() => {
    root.dataset.busy = "";
    target.setAttribute("aria-busy", "true");
  }, SLOW_MS);
  e.detail.xhr.addEventListener("loadend", () => {
    clearTimeout(timer);
    waiting -= 1;
    target.removeAttribute("aria-busy");
    if (!waiting) delete root.dataset.busy;
  });
});

// A rule that said no answers with a fragment that says why: it goes where the answer would have gone.
document.addEventListener("htmx:beforeSwap", (e) => {
  const { xhr } = e.detail;
  if (xhr.status >= 400 && xhr.status < 500 && xhr.getResponseHeader("X-Fragment") === "1") {
    e.detail.shouldSwap = true;
    e.detail.isError = false;
  }
});

// A form that cannot be sent stays as it is, and says so; one that a script sends later sees to itself.
document.addEventListener("submit", (e) => {
  const form = e.target;
  if (navigator.onLine || e.defaultPrevented || form.method === "dialog" || !form.closest("#main")) return;
  e.preventDefault();
  form.parentElement.querySelector(":scope > .wrong.offline")?.remove();
  const line = document.createElement("p");
  line.className = "wrong offline";
  line.setAttribute("role", "alert");
  line.textContent = $("#words").dataset.offline;
  form.after(line);
});

const complain = (e) => {
  const words = $("#words").dataset;
  const text = e.type === "htmx:sendError" || e.type === "htmx:timeout" ? words.offline : words.failed;
  const place = e.detail.elt.closest("form, [data-place]") ?? e.detail.elt;
  place.parentElement.querySelector(":scope > .wrong.by-htmx")?.remove();
  const line = document.createElement("p");
  line.className = "wrong by-htmx";
  line.textContent = text;
  place.after(line);
  say(text);
};
for (const kind of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(kind, complain);
document.addEventListener("htmx:beforeRequest", (e) => {
  const place = e.detail.elt.closest("form, [data-place]") ?? e.detail.elt;
  place.parentElement.querySelector(":scope > .wrong.by-htmx")?.remove();
});

export { htmx };
