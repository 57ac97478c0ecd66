/* A run watched live, or several. Emits "points" and "reset" (each with its `seq`), "state", and "link" ({lost}).
   It closes when the run (all of its runs) has ended. */
import { LiveStream } from "./live-stream.js";

export const ENDED_STATES = ["succeeded", "failed", "limit_exceeded", "cancelled", "lost"];
export const isOver = (state) => ENDED_STATES.includes(state);

export class RunStream extends LiveStream {
  #url;
  #last;
  #ended = new Set();
  #runs;

  constructor(url, after, runs = 1) {
    super();
    this.#runs = runs;
    this.#url = url;
    this.#last = after;
    this.begin();
  }

  address() {
    const url = new URL(this.#url, location.href);
    url.searchParams.set("after", this.#last);
    return url;
  }

  listen(source) {
    source.addEventListener("points", (event) => this.#pass("points", event));
    source.addEventListener("reset", (event) => this.#pass("reset", event));
    source.addEventListener("state", (event) => {
      const message = JSON.parse(event.data);
      if (isOver(message.state)) this.#ended.add(message.run); // undefined in the stream of one run
      if (this.#ended.size === this.#runs) this.close();
      this.tell("state", message);
    });
  }

  #pass(name, event) {
    const seq = Number(event.lastEventId);
    if (seq <= this.#last) return;
    this.#last = seq;
    this.tell(name, { ...JSON.parse(event.data), seq });
  }
}
