/* The one EventSource of a page, of runs or of a thread. It reconnects itself, from the last event that came: a browser gives up
   for good on a response such as 503. It disconnects after 20 s in a hidden tab, and resumes where it was. Emits "link" ({lost});
   a kind says in `address` where to go on from, in `listen` which events it passes on. */
const FIRST_WAIT = 500, MAX_WAIT = 5000, MAX_HIDDEN = 20000; // milliseconds

export class LiveStream extends EventTarget {
  #source = null;
  #wait = FIRST_WAIT;
  #timer = 0;
  #over = false;

  begin() {
    document.addEventListener("visibilitychange", this.#seen);
    addEventListener("pagehide", this.#leave);
    addEventListener("pageshow", this.#seen);
    this.#open();
  }

  /* Connect again, now: the page knows more than the stream began with. */
  renew() {
    this.#leave();
    this.#seen();
  }

  close() {
    this.#over = true;
    this.#leave();
    document.removeEventListener("visibilitychange", this.#seen);
    removeEventListener("pagehide", this.#leave);
    removeEventListener("pageshow", this.#seen);
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
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
    const source = (this.#source = new EventSource(this.address()));
    source.onopen = () => {
      this.#wait = FIRST_WAIT;
      this.tell("link", { lost: false });
    };
    source.onerror = () => this.#lost(source);
    this.listen(source);
  }

  #lost(source) {
    if (this.#over || source !== this.#source) return;
    this.#leave();
    this.tell("link", { lost: true });
    if (document.hidden) return; // it reconnects when the tab is shown
    this.#timer = setTimeout(() => this.#open(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, MAX_WAIT);
  }
}
