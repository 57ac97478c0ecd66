/* The ledger: a claim that is linked to is brought into view below the bar. */
import { $ } from "./shell.js";

const aim = () => {
  const row = document.getElementById(location.hash.slice(1));
  $("tr.aimed")?.classList.remove("aimed");
  row?.closest("tr")?.classList.add("aimed");
};
addEventListener("hashchange", aim);
aim();
