/* Today, and the page before a review: grades that were kept while there was no connection are sent, and the page is told when they
   are. Runs that go on say how far they are. */
import { $, $$ } from "./shell.js";
import { refused } from "./grades.js";
import { RunStream } from "./run-stream.js";

document.addEventListener("gradessent", () => { if (!refused) location.reload(); });

const words = JSON.parse($("#run-words")?.textContent ?? "{}");
const stepOf = ({ points_done: done, points_expected: of }) => words.step.replace("%(done)s", done).replace("%(of)s", of);
const lines = new Map($$("[data-run]").map((line) => [line.dataset.run, line])), list = $("[data-events]");
if (list) {
  new RunStream(list.dataset.events, 0, lines.size).addEventListener("state", ({ detail: said }) => {
    const line = lines.get(said.run);
    line.dataset.state = said.state;
    line.textContent = said.state === "running" && said.points_expected ? stepOf(said) : words[said.state];
  });
}
