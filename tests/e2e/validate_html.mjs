/* Reads {name: [HTML, …]} from its input; writes {name: [fault, …]} of what has any, as the standard of HTML has it. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const frontend = join(dirname(fileURLToPath(import.meta.url)), "../../platform/frontend/package.json");
const { HtmlValidate, StaticConfigLoader } = createRequire(frontend)("html-validate");
const config = {
  root: true,
  extends: ["html-validate:standard"],
  rules: { "attr-pattern": ["error", { pattern: "(?!hx-|on)[a-z][a-z0-9:-]*" }] }, // htmx reads data-hx-*, too
};
const validator = new HtmlValidate(new StaticConfigLoader(config));
const faults = {};
const checked = new Map(); // parts that many pages have
for (const [name, texts] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  for (const text of texts) {
    if (!checked.has(text)) {
      const { results } = await validator.validateString(text);
      checked.set(text, results.flatMap(({ messages }) => messages.map((m) => `${m.ruleId}: ${m.message} (line ${m.line}, ${m.selector})`)));
    }
    if (checked.get(text).length) (faults[name] ??= []).push(...checked.get(text));
  }
}
console.log(JSON.stringify(faults));
