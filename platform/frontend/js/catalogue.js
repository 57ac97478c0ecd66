/* Tables of labs and runs: j and k move along the rows, Enter opens; a changed filter needs no button. */
import { $, $$ } from "./shell.js";

let row = null; // the one that was focused last: a key first focuses the button that it presses
document.addEventListener("focusin", (event) => { if (event.target.matches("[data-row]")) row = event.target; });

function move(by) {
  const rows = $$("[data-row]");
  if (!rows.length) return;
  const at = rows.indexOf(row);
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))].focus();
}

$("#next-row")?.addEventListener("click", () => move(1));
$("#last-row")?.addEventListener("click", () => move(-1));
$("#filters")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());
