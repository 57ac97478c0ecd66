/* The lab page made live: changes are counted as they are made, the address carries the settings, and the bars of a prediction
   are native vertical range inputs laid over the chart, so that mouse, touch, keyboard and screen readers all get them for free. */
import "./bar-chart.js";
import { Points } from "./points.js";
import { $, $$ } from "./shell.js";

const config = JSON.parse($("#lab-config").textContent);
const form = $("#lab");

// ---------------------------------------------------------------- settings

function valueOf(field) {
  const boxes = $$("input[type=checkbox]", field);
  if (field.classList.contains("choices")) return boxes.filter((box) => box.checked).map((box) => box.value).join(", ");
  if (boxes.length) return boxes[0].checked ? "on" : "off";
  return $("input, select", field).value.trim();
}

function same(value, base) {
  const numbers = [value, base].map(Number);
  return value === base || (value !== "" && numbers.every(Number.isFinite) && numbers[0] === numbers[1]);
}

function count() {
  let n = 0;
  const address = new URL(location.href);
  for (const field of $$(".f[data-base]", form)) {
    const value = valueOf(field), differs = !same(value, field.dataset.base);
    field.classList.toggle("changed", differs);
    const name = $("[name]", field).name;
    differs || address.searchParams.has("from") ? address.searchParams.set(name, value) : address.searchParams.delete(name);
    n += differs;
  }
  const line = $("#changes"), text = (n === 0 ? config.say.none : n === 1 ? config.say.one : config.say.many).replace("{n}", n);
  if (line.textContent !== text) line.textContent = text;
  line.dataset.n = Math.min(n, 2);
  history.replaceState(history.state, "", address);
  form.action = address;
}

$(".setup").addEventListener("input", count);
$("#more")?.addEventListener("click", (event) => {
  const closed = $(".setup").classList.toggle("compact");
  event.target.setAttribute("aria-expanded", !closed);
});
if ($(".setup .bad")) $("#more")?.click(); // what is wrong must be seen

// ---------------------------------------------------------------- sketch

const chart = $("#chart");
if (chart && config.spec) draw();

function draw() {
  const [low, high] = config.range;
  const layer = document.createElement("div");
  layer.className = "marks";
  const marks = new Map();
  for (const field of $$("#marks input")) marks.set(field.dataset.arm, mark(field, low, high));
  layer.append(...marks.values());
  chart.append(layer);
  $("#marks").remove();
  const show = () => chart.show({ ...config.spec, sketch: {} }, new Points(), null, { marks });
  layer.addEventListener("input", ({ target }) => {
    const [arm] = [...marks].find(([, input]) => input === target);
    target.name = `sketch-${arm}`; // what nobody touched is no sketch
    history.replaceState({ ...history.state, sketch: { ...history.state?.sketch, [arm]: target.value } }, "");
    chart.draw();
  });
  show();
}

function mark(field, low, high) {
  const input = document.createElement("input");
  const arm = field.dataset.arm;
  Object.assign(input, { type: "range", className: "mark-in", min: low, max: high, step: (high - low) / 100 });
  const drawn = field.value || history.state?.sketch?.[arm]; // as it was sent, or as it stood before the page was left
  input.value = drawn || (low + high) / 2;
  if (drawn) input.name = field.name;
  input.setAttribute("aria-label", config.say.mark.replace("{arm}", config.spec.labels[arm] ?? arm));
  input.setAttribute("aria-orientation", "vertical");
  return input;
}

// ---------------------------------------------------------------- what was wrong

const wrong = $("[aria-invalid], [role=alert]", form); // it may stand below the fold: the reader is brought to it
if (wrong) {
  wrong.scrollIntoView({ block: "center" });
  const field = wrong.matches("input, select") ? wrong : $("input", wrong.previousElementSibling);
  field?.focus({ preventScroll: true });
}
