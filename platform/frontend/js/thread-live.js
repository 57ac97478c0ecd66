/* A thread watched live: new posts are counted and said, and inserted below the others when the reader presses, and
   so is another text of a post that changed. What they read stays where it is. */
import { LiveStream } from "./live-stream.js";
import { htmx } from "./requests.js";
import { $, $$, say } from "./shell.js";

const posts = $("#posts[data-events]"), button = $("#new-posts");
const lastShown = () => Number(posts.dataset.last);

class ThreadStream extends LiveStream {
  address() {
    const url = new URL(posts.dataset.events, location.href);
    url.searchParams.set("after", lastShown());
    return url;
  }

  listen(source) {
    source.addEventListener("post", (event) => this.tell("post", JSON.parse(event.data)));
    source.addEventListener("change", (event) => this.tell("change", JSON.parse(event.data)));
    source.addEventListener("late", (event) => this.tell("late", JSON.parse(event.data)));
  }
}

let told = 0; // number of the newest post that was said
let newer = 0; // how many came after the last one here
const late = new Set(); // numbers of those that were approved when later ones were here already

function offer(isSaid) {
  const count = newer + late.size;
  button.hidden = !count;
  button.textContent = count === 1 ? button.dataset.one : button.dataset.many.replace("{n}", count);
  if (count && isSaid) say(button.textContent);
}

function announce({ posts: count, last }) {
  newer = last > lastShown() ? count : 0;
  offer(last > told);
  told = Math.max(told, last);
}

/* What belongs on an earlier page is not missing on this one. */
function announceLate({ post: number }) {
  const first = Number($("article.post", posts)?.dataset.number ?? 0);
  if (number < first || late.has(number) || document.getElementById(`post-${number}`)) return;
  late.add(number);
  offer(true);
}

/* Fetch posts for a button that was pressed, and show them. */
async function fetchFor(pressed, name, value, show) {
  if (pressed.ariaBusy === "true") return;
  pressed.ariaBusy = "true"; // not disabled: it would lose the focus
  try {
    const url = new URL(location.pathname, location.href);
    url.searchParams.set(name, value);
    if (new URLSearchParams(location.search).get("show") === "1") url.searchParams.set("show", "1"); // of a folded thread
    const answer = await fetch(url, { headers: { "HX-Request": "true", Accept: "text/html" } });
    if (answer.status === 404) return location.reload(); // the thread is gone: the page says so
    if (!answer.ok) throw new Error(String(answer.status));
    $("#new-posts-wrong")?.remove();
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    show($$("article.post", fresh).map((post) => document.adoptNode(post)));
    for (const form of $$("form", fresh.body).filter((form) => form.parentElement === fresh.body)) { // notices are read here
      button.after(document.adoptNode(form));
      htmx.process(form);
    }
  } catch {
    say($("#words").dataset.failed);
    pressed.after(line());
  } finally {
    pressed.ariaBusy = "false";
  }
}

function line() {
  $("#new-posts-wrong")?.remove();
  return Object.assign(document.createElement("p"), { id: "new-posts-wrong", className: "wrong", textContent: $("#words").dataset.failed });
}

/* Posts come after those that are there, at the place of the button; one that was late, where it belongs. The button
   goes, so the first of them has the focus. */
function add(fresh) {
  const added = fresh.filter((post) => !document.getElementById(post.id));
  const anchor = posts.contains(button) ? button : null;
  for (const post of added) {
    const next = $$("article.post", posts).find((other) => Number(other.dataset.number) > Number(post.dataset.number));
    posts.insertBefore(post, next ?? anchor);
    htmx.process(post);
  }
  late.clear();
  newer = 0;
  posts.dataset.last = Math.max(lastShown(), ...added.map((post) => Number(post.id.replace("post-", ""))));
  const first = added[0];
  if (first && document.activeElement === button) {
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  }
  button.hidden = true;
  stream.renew();
  document.dispatchEvent(new Event("htmx:afterSettle")); // the shell marks wide tables again
}

/* A post that was edited, hidden, restored or deleted says so beside its author. */
function mark({ post: number }) {
  const post = document.getElementById(`post-${number}`);
  if (!post || $(".changed", post)) return;
  const changed = document.createElement("button");
  Object.assign(changed, { type: "button", className: "btn quiet changed", textContent: button.dataset.changed });
  changed.addEventListener("click", () => fetchFor(changed, "only", number, ([fresh]) => replace(post, fresh)));
  $("header", post).append(changed);
  say(button.dataset.said.replace("{n}", number));
}

function replace(post, fresh) {
  if (!fresh) return post.remove(); // it awaits approval
  const hadFocus = post.contains(document.activeElement);
  post.replaceWith(fresh);
  htmx.process(fresh);
  if (hadFocus) fresh.focus({ preventScroll: true });
  document.dispatchEvent(new Event("htmx:afterSettle"));
}

const stream = new ThreadStream();
if (posts && button) {
  stream.addEventListener("post", (event) => announce(event.detail));
  stream.addEventListener("change", (event) => mark(event.detail));
  stream.addEventListener("late", (event) => announceLate(event.detail));
  button.addEventListener("click", () => fetchFor(button, "after", Math.min(lastShown(), ...late) - (late.size ? 1 : 0), add));
  stream.begin();
}
