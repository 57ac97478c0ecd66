/* Today, and the page before a review: grades that were stored while offline are sent, then the page reloads. Runs that are not over
   show their progress, and then how they ended. */
import { $, $$ } from "./shell.js";
import { refused } from "./grades.js";
import { isOver, RunStream } from "./run-stream.js";

document.addEventListener("gradessent", () => { if (!refused) location.reload(); });

const words = JSON.parse($("#run-words")?.textContent ?? "{}");
const stepOf = ({ points_done: done, points_expected: of }) => words.step.replace("%(done)s", done).replace("%(of)s", of);
function waitOf({ state, reason, ahead }) {
  const brief = words.briefs[ahead ? `${reason}-ahead` : reason] ?? words.briefs[reason];
  return brief ? words.waits.replace("%(state)s", words[state]).replace("%(brief)s", brief.replace("%(n)s", ahead)) : words[state];
}
/* How a run ended, and why, as the server tells it in this page now: an event has the state alone. */
async function tell(line) {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(line.id);
  if (fresh && !fresh.dataset.run) line.textContent = fresh.textContent;
}

const lines = new Map($$("[data-run]").map((line) => [line.dataset.run, line])), list = $("[data-events]");
if (list) {
  new RunStream(list.dataset.events, 0, lines.size).addEventListener("state", ({ detail: state }) => {
    const line = lines.get(state.run);
    line.dataset.state = state.state;
    line.textContent = state.state === "running" && state.points_expected ? stepOf(state)
      : state.state === "queued" ? waitOf(state) : words[state.state];
    if (isOver(state.state)) tell(line).catch(() => {}); // else the state alone stays
  });
}
