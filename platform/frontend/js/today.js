/* Today: grades that were kept while there was no connection are sent, and the page is told when they are. Runs that go on say how
   far they are. */
import { $, $$ } from "./shell.js";
import { flush, waiting } from "./grades.js";
import { RunStream } from "./run-stream.js";

if (waiting().length) flush().then((done) => { if (done) location.reload(); });

const words = JSON.parse($("#run-words")?.textContent ?? "{}");
const stepOf = ({ done, of }) => words.step.replace("%(done)s", done).replace("%(of)s", of);
for (const line of $$("[data-events]")) {
  new RunStream(line.dataset.events, Number(line.dataset.after)).addEventListener("state", ({ detail: said }) => {
    line.dataset.state = said.state;
    line.textContent = said.state === "running" && said.of ? stepOf(said) : words[said.state];
  });
}
