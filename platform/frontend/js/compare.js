/* Runs beside each other: the chart that the server drew becomes one that is read along; a changed choice of chart needs no button. */
import "./bar-chart.js";
import { number } from "./chart-scale.js";
import "./metric-chart.js";
import { Points } from "./points.js";
import { $ } from "./shell.js";

$("#filters select")?.addEventListener("change", (event) => event.target.form.requestSubmit());

const text = $("#compare-config")?.textContent, config = text && JSON.parse(text);

const json = async (url) => {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
};

/* The arm that is drawn, of one run, as curves that have the names of runs. */
async function curvesOf(url, names) {
  const { series } = await json(url);
  const drawn = series.filter(({ arm }) => arm === config.arm);
  return names.flatMap((arm) => drawn.map((curve) => ({ ...curve, arm })));
}

const asPoints = (curves) => {
  const points = new Points();
  points.load({ seq: 0, series: curves.flat() });
  return points;
};

const chart = $("metric-chart, bar-chart"), inspect = $("#inspect"), readout = $("#readout");

function read({ step, values }) {
  const shown = values.filter(({ hand, value }) => hand === "run" && value != null);
  const words = shown.map(({ name, value }) => `${name} ${number(value)}`).join(", ");
  const { x } = config.spec;
  inspect.setAttribute("aria-valuetext", config.say.reading.replace("{x}", x).replace("{step}", number(step)).replace("{values}", words));
  readout.replaceChildren(...[{ name: x, value: step, at: true }, ...shown].map(({ name, value, at }) => {
    const span = document.createElement("span");
    span.className = at ? "at" : "";
    span.append(`${name} `, Object.assign(document.createElement(at ? "span" : "b"), { textContent: number(value) }));
    return span;
  }));
}

async function begin() {
  const ids = config.runs.map(({ id }) => id), isBars = config.spec.kind === "bars";
  const [base, ...own] = await Promise.all([
    config.baseline ? curvesOf(config.baseline, isBars ? ids : ids.slice(0, 1)) : null,
    ...config.runs.map(({ id, points }) => curvesOf(points, [id])),
  ]);
  chart.show(config.spec, asPoints(own), base && asPoints(base), { over: true });
  requestAnimationFrame(() => requestAnimationFrame(() => {
    $("#chart").dataset.state = "live";
    if (!inspect) return;
    const last = Math.max(0, chart.steps.length - 1);
    inspect.max = last; // before its value, which it bounds
    inspect.value = last;
  }));
}

if (config) {
  inspect?.addEventListener("input", () => {
    const reading = chart.read(Number(inspect.value));
    if (reading) read(reading);
  });
  if (inspect) chart.addEventListener("read", ({ detail }) => { inspect.value = detail.n; read(detail); });
  begin().catch(() => { // the chart that the server drew stays, and is not read along
    $("#chart").dataset.state = "drawn";
    inspect?.closest(".under").remove();
  });
}
