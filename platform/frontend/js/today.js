/* Today, and the page before a review: grades that were stored while offline are sent, then the page reloads. Runs that are not over
   show their progress. */
import { $, $$ } from "./shell.js";
import { refused } from "./grades.js";
import { RunStream } from "./run-stream.js";

document.addEventListener("gradessent", () => { if (!refused) location.reload(); });

const words = JSON.parse($("#run-words")?.textContent ?? "{}");
const stepOf = ({ points_done: done, points_expected: of }) => words.step.replace("%(done)s", done).replace("%(of)s", of);
function waitOf({ state, reason, ahead }) {
  const brief = words.briefs[ahead ? `${reason}-ahead` : reason] ?? words.briefs[reason];
  return brief ? words.waits.replace("%(state)s", words[state]).replace("%(brief)s", brief.replace("%(n)s", ahead)) : words[state];
}
const lines = new Map($$("[data-run]").map((line) => [line.dataset.run, line])), list = $("[data-events]");
if (list) {
  new RunStream(list.dataset.events, 0, lines.size).addEventListener("state", ({ detail: state }) => {
    const line = lines.get(state.run);
    line.dataset.state = state.state;
    line.textContent = state.state === "running" && state.points_expected ? stepOf(state)
      : state.state === "queued" ? waitOf(state) : words[state.state];
  });
}
