/* The one EventSource of a page. Emits "points" and "reset" (each with its `seq`), "state", and "link" ({lost}).
   It reconnects itself, from the last batch that came: a browser gives up for good on a response such as 503.
   It closes when the run (all of its runs) has ended, disconnects after 20 s in a hidden tab, and resumes where it was. */
export const ENDED_STATES = ["succeeded", "failed", "limit_exceeded", "cancelled", "lost"];
export const isOver = (state) => ENDED_STATES.includes(state);
const FIRST_WAIT = 500, MAX_WAIT = 5000, MAX_HIDDEN = 20000; // milliseconds

export class RunStream extends EventTarget {
  #source = null;
  #url;
  #last;
  #wait = FIRST_WAIT;
  #timer = 0;
  #over = false;
  #ended = new Set();
  #runs;

  constructor(url, after, runs = 1) {
    super();
    this.#runs = runs;
    this.#url = url;
    this.#last = after;
    document.addEventListener("visibilitychange", this.#seen);
    addEventListener("pagehide", this.#leave);
    addEventListener("pageshow", this.#seen);
    this.#open();
  }

  close() {
    this.#over = true;
    this.#leave();
    document.removeEventListener("visibilitychange", this.#seen);
    removeEventListener("pagehide", this.#leave);
    removeEventListener("pageshow", this.#seen);
  }

  #leave = () => {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  };

  #seen = () => {
    clearTimeout(this.#timer);
    if (document.hidden) this.#timer = setTimeout(this.#leave, MAX_HIDDEN);
    else if (!this.#source && !this.#over) this.#open();
  };

  #open() {
    clearTimeout(this.#timer);
    const url = new URL(this.#url, location.href);
    url.searchParams.set("after", this.#last);
    const source = (this.#source = new EventSource(url));
    source.onopen = () => {
      this.#wait = FIRST_WAIT;
      this.#tell("link", { lost: false });
    };
    source.onerror = () => this.#lost(source);
    source.addEventListener("points", (event) => this.#pass("points", event));
    source.addEventListener("reset", (event) => this.#pass("reset", event));
    source.addEventListener("state", (event) => {
      const message = JSON.parse(event.data);
      if (isOver(message.state)) this.#ended.add(message.run); // undefined in the stream of one run
      if (this.#ended.size === this.#runs) this.close();
      this.#tell("state", message);
    });
  }

  #lost(source) {
    if (this.#over || source !== this.#source) return;
    this.#leave();
    this.#tell("link", { lost: true });
    if (document.hidden) return; // it reconnects when the tab is shown
    this.#timer = setTimeout(() => this.#open(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, MAX_WAIT);
  }

  #pass(name, event) {
    const seq = Number(event.lastEventId);
    if (seq <= this.#last) return;
    this.#last = seq;
    this.#tell(name, { ...JSON.parse(event.data), seq });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
