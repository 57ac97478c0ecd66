/* A post that is very high scrolls in its place, until a press shows it whole. Without scripts it scrolls. */
import { $$ } from "./shell.js";

function look(box) {
  const isCut = box.scrollHeight > box.clientHeight + 1;
  box.nextElementSibling.hidden = !isCut;
  if (isCut) box.tabIndex = 0; // so that keys scroll it
  else if (!box.matches(".is-whole")) box.removeAttribute("tabindex");
}

const sizes = new ResizeObserver((entries) => { for (const { target } of entries) look(target.closest(".post-text")); });
const observe = () => { for (const text of $$(".post-text > .read")) sizes.observe(text); };

document.addEventListener("click", (event) => {
  const line = event.target.closest(".show-whole");
  if (!line || !event.target.closest("button")) return;
  const box = line.previousElementSibling;
  box.classList.add("is-whole");
  box.tabIndex = -1;
  look(box);
  box.focus({ preventScroll: true }); // the button is gone
});
new MutationObserver(observe).observe(document.querySelector("main"), { childList: true, subtree: true }); // previews, new posts
observe();
