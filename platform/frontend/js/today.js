/* Today, and the page before a review: grades that were kept while there was no connection are sent, and the page is told when they
   are. Runs that go on say how far they are. */
import { $, $$ } from "./shell.js";
import { refused } from "./grades.js";
import { RunStream } from "./run-stream.js";

document.addEventListener("gradessent", () => { if (!refused) location.reload(); });

const words = JSON.parse($("#run-words")?.textContent ?? "{}");
const stepOf = ({ done, of }) => words.step.replace("%(done)s", done).replace("%(of)s", of);
const runs = new Map($$("[data-run]").map((line) => [line.dataset.run, line]));
const events = $("[data-events]")?.dataset.events;
if (events) new RunStream(events, 0, runs.size).addEventListener("state", ({ detail: said }) => {
  const line = runs.get(said.run);
  if (!line) return;
  line.dataset.state = said.state;
  line.textContent = said.state === "running" && said.of ? stepOf(said) : words[said.state];
});
