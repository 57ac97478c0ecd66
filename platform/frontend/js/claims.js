/* The ledger: a claim that is linked to is brought into view below the bar; one that is not on this page, on that of its lab. */
import { $ } from "./shell.js";

const aim = () => {
  const name = location.hash.slice(1);
  const row = document.getElementById(name);
  const byLab = `?lab=${name.split(".")[0]}`;
  if (!row && name.includes(".") && location.search !== byLab) location.replace(byLab + location.hash);
  $("tr.aimed")?.classList.remove("aimed");
  row?.closest("tr")?.classList.add("aimed");
};
addEventListener("hashchange", aim);
aim();
