/* The queue of moderators: j and k move between posts, x and a press the buttons of the one in focus. */
import "./catalogue.js";
import "./tall-posts.js";
import { $, $$ } from "./shell.js";

let current = null; // the card that was focused last: a key first focuses the button that it presses
document.addEventListener("focusin", (event) => { current = event.target.closest(".case") ?? current; });

for (const key of $$("[data-press]")) {
  key.addEventListener("click", () => {
    const button = current?.isConnected ? $(`[data-act="${key.dataset.press}"]`, current) : null;
    button?.form.requestSubmit(button);
  });
}
