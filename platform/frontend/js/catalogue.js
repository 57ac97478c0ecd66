/* Tables of labs and runs: j and k move along the rows, Enter opens; a changed filter needs no button. */
import { $, $$ } from "./shell.js";

function move(by) {
  const rows = $$("[data-row]");
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))].focus();
}

$("#next-row")?.addEventListener("click", () => move(1));
$("#last-row")?.addEventListener("click", () => move(-1));
$("#filters")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());
