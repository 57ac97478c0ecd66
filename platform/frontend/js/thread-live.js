/* A thread watched live: new posts are counted and said, and inserted below the others when the reader presses. What they read
   stays where it is. */
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
  }
}

let told = 0; // number of the newest post that was said

function announce({ posts: count, last }) {
  button.hidden = !count || last <= lastShown();
  button.textContent = count === 1 ? button.dataset.one : button.dataset.many.replace("{n}", count);
  if (!button.hidden && last > told) say(button.textContent);
  told = Math.max(told, last);
}

async function insert() {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true"; // not disabled: it would lose the focus
  try {
    const url = new URL(location.pathname, location.href);
    url.searchParams.set("after", lastShown());
    if (new URLSearchParams(location.search).get("show") === "1") url.searchParams.set("show", "1"); // of a folded thread
    const answer = await fetch(url, { headers: { "HX-Request": "true", Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    say($("#words").dataset.failed);
    button.after(line());
  } finally {
    button.ariaBusy = "false";
  }
}

function line() {
  $("#new-posts-wrong")?.remove();
  return Object.assign(document.createElement("p"), { id: "new-posts-wrong", className: "wrong", textContent: $("#words").dataset.failed });
}

/* Posts come after those that are there, at the place of the button. It goes, so the first of them has the focus. */
function show(fresh) {
  $("#new-posts-wrong")?.remove();
  const added = $$("article.post", fresh).filter((post) => !document.getElementById(post.id)).map((post) => document.adoptNode(post));
  const anchor = posts.contains(button) ? button : null;
  for (const post of added) {
    posts.insertBefore(post, anchor);
    htmx.process(post);
  }
  posts.dataset.last = Math.max(lastShown(), ...added.map((post) => Number(post.id.replace("post-", ""))));
  const first = added[0];
  if (first && document.activeElement === button) {
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  }
  button.hidden = true;
  stream.renew();
  document.dispatchEvent(new Event("htmx:afterSettle")); // the shell marks wide tables again
  document.dispatchEvent(new CustomEvent("posts:added", { detail: { posts: added } }));
}

const stream = new ThreadStream();
if (posts && button) {
  stream.addEventListener("post", (event) => announce(event.detail));
  button.addEventListener("click", insert);
  stream.begin();
}
