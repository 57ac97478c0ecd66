/* The run page made live: stored points first, then new ones, each batch once; the panels change with the run's state. */
import "./bar-chart.js";
import { number, settled } from "./chart-scale.js";
import { COLOURS } from "./graph.js";
import "./metric-chart.js";
import { Points } from "./points.js";
import { pointCitation } from "./quoting.js";
import { htmx } from "./requests.js";
import { isOver, RunStream } from "./run-stream.js";
import { $, $$, say } from "./shell.js";

const config = JSON.parse($("#run-config").textContent);
const holder = $("#chart"), inspect = $("#inspect"), readout = $("#readout");
const own = new Points();
let baseline = null, shown = 0, spoken = 0, pace = null;

const json = async (url) => {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
};

// ---------------------------------------------------------------- figures

const charts = $$("figure[data-figure]").map((element) => ({
  element, spec: config.figures[Number(element.dataset.figure)], chart: $("metric-chart, bar-chart", element),
}));

function redraw() {
  holder.dataset.points = own.count;
  holder.dataset.seq = own.last;
  for (const { element, spec, chart } of charts) if (!element.hidden) chart.show(spec, own, baseline, { over: isOver(holder.dataset.state) });
  for (const one of charts) if (!one.element.hidden) { tabulate(one); name(one); }
  if (document.activeElement !== inspect) toEnd();
}

const beside = () => charts.findIndex(({ spec }) => spec.kind === "bars" && Object.keys(spec.sketch).length > 0);
let asked = false; // whether the reader chose a figure

// ---------------------------------------------------------------- as a table

const cell = (text, number = true) => Object.assign(document.createElement("td"), { textContent: text || "–", className: number ? "num" : "" });

const sizeOf = (spec, arms) => Math.max(0, ...arms.map((arm) => Math.abs(own.newest(spec.series, arm)?.mean ?? 0)));
const written = (spec, value, size) => (value != null && value === spec.not_found ? spec.not_found_word : number(settled(value, size)));

function name({ element, spec }) { // each line below its chart, where names find no room at its end
  const list = $(".lines", element);
  if (!list?.offsetParent) return;
  const arms = own.arms(spec.series, spec.arms), size = sizeOf(spec, arms);
  if (!arms.length) return;
  list.replaceChildren(...arms.map((arm, n) => {
    const item = document.createElement("li"), value = document.createElement("b");
    value.textContent = written(spec, own.newest(spec.series, arm)?.mean, size);
    item.append(Object.assign(document.createElement("i"), { className: `k k${n % COLOURS.length}` }), `${spec.labels[arm] ?? arm} `, value);
    return item;
  }));
}

function tabulate({ element, spec }) { // as the server wrote it, with what came since
  const body = element.querySelector(".numbers tbody");
  if (!body || !element.querySelector(".numbers").open) return;
  const columns = body.closest("table").querySelectorAll("thead th").length;
  const hasBase = $(".key.base") !== null;
  const arms = own.arms(spec.series, spec.arms);
  if (!arms.length) return;
  const size = sizeOf(spec, arms);
  body.replaceChildren(...arms.map((arm) => {
    const row = document.createElement("tr"), now = own.newest(spec.series, arm);
    row.append(Object.assign(document.createElement("th"), { scope: "row", textContent: spec.labels[arm] ?? arm }));
    const span = now?.low == null ? "" : config.say.span.replace("%(low)s", number(now.low)).replace("%(high)s", number(now.high));
    row.append(cell(written(spec, now?.mean, size)), cell(span));
    if (hasBase) row.append(cell(written(spec, baseline?.newest(spec.series, arm)?.mean, size)));
    if (row.children.length < columns) row.append(cell(spec.sketch[arm] == null ? "" : number(spec.sketch[arm])));
    return row;
  }));
}
for (const one of charts) one.element.querySelector(".numbers")?.addEventListener("toggle", () => tabulate(one));

function choose(n) {
  shown = n;
  for (const { element } of charts) {
    element.removeAttribute("data-later");
    element.hidden = Number(element.dataset.figure) !== n;
  }
  if ($("#figure")) $("#figure").value = n;
  const curves = charts[n]?.spec.kind !== "bars";
  $("#inspect-l").hidden = !curves;
  const { along, counted } = config.say;
  $("#inspect-l span").textContent = (charts[n]?.spec.to ? counted : along).replace("{x}", charts[n]?.spec.x ?? "");
  readout.replaceChildren();
  $("#quote").hidden = true;
  redraw();
}
$("#figure")?.addEventListener("change", (event) => { asked = true; choose(Number(event.target.value)); });
for (const key of $$("[data-line]")) key.addEventListener("click", () => {
  const on = key.getAttribute("aria-pressed") !== "true";
  key.setAttribute("aria-pressed", on);
  for (const { chart } of charts) chart.toggle(key.dataset.line, on);
});

// ---------------------------------------------------------------- reading along the chart

const chartShown = () => charts[shown]?.chart;
let pinned = null; // the step that is read, until the reader chooses another: {series, step}

function toEnd() {
  requestAnimationFrame(() => {
    const steps = chartShown()?.steps ?? [], last = Math.max(0, steps.length - 1);
    inspect.max = last;
    inspect.value = last;
    if (pinned && pinned.series === charts[shown].spec.series && steps.length) readAt(nearest(steps, pinned.step));
  });
}

function nearest(steps, step) {
  return steps.reduce((best, s, n) => (Math.abs(s - step) < Math.abs(steps[best] - step) ? n : best), 0);
}

function readAt(n) {
  inspect.value = n;
  const reading = chartShown()?.read?.(n);
  if (!reading) return;
  read(reading);
  offerQuotes(reading);
}

function pin(n) { // the reader chose a step
  const step = chartShown()?.steps?.[n];
  if (step == null) return;
  pinned = { series: charts[shown].spec.series, step };
  readAt(n);
}

/* A link for each arm, which begins a thread with this point of it. */
function offerQuotes({ step, values }) {
  const line = $("#quote"), { spec } = charts[shown];
  const own = values.filter((v) => v.hand === "run" && v.value != null);
  line.hidden = !own.length;
  if (line.dataset.step === `${spec.series} ${step}` && line.querySelectorAll("a").length === own.length) return; // keeps the focus
  line.dataset.step = `${spec.series} ${step}`;
  line.replaceChildren(line.dataset.words.replace("{x}", spec.x).replace("{step}", number(step)), ...own.map((value) => {
    const query = new URLSearchParams({ about: `run:${line.dataset.run}`, cite: pointCitation(line.dataset.run, spec.series, value) });
    return Object.assign(document.createElement("a"), { textContent: value.name, href: `${line.dataset.url}?${query}` });
  }));
}

function read({ step, values }) {
  const told = values.filter((v) => v.hand === "run").map((v) => `${v.name} ${number(v.value)}`);
  const base = values.filter((v) => v.hand === "base").map((v) => `${v.name} ${number(v.value)}`);
  const words = base.length ? [...told, `${config.say.baseline}: ${base.join(", ")}`] : told;
  const line = config.say.reading.replace("{x}", charts[shown].spec.x).replace("{step}", number(step)).replace("{values}", words.join(", "));
  inspect.setAttribute("aria-valuetext", line);
  readout.replaceChildren(...values.filter((v) => v.hand === "run").map(({ name, value }) => {
    const span = document.createElement("span");
    const b = document.createElement("b");
    b.textContent = number(value);
    span.append(`${name} `, b);
    return span;
  }));
  readout.prepend(Object.assign(document.createElement("span"), { className: "at", textContent: `${charts[shown].spec.x} ${number(step)}` }));
}
inspect.addEventListener("input", () => pin(Number(inspect.value)));
for (const { chart } of charts) {
  let hovered = null;
  chart.addEventListener("read", (event) => { hovered = event.detail.n; inspect.value = hovered; read(event.detail); });
  chart.addEventListener("click", () => { if (hovered != null) pin(hovered); });
}

// ---------------------------------------------------------------- state

async function renew() { // stepper, panel and details, as the server renders them now
  const answer = await fetch(config.panel);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const focused = document.activeElement?.id;
  for (const id of ["rail", "panel", "result", "facts"]) {
    const [now, next] = [document.getElementById(id), fresh.getElementById(id)];
    if (!now || !next) continue;
    now.replaceWith(document.adoptNode(next));
    htmx.process(next); // the questions that the run answers come by themselves
  }
  document.dispatchEvent(new Event("htmx:afterSettle")); // the shell marks wide tables again
  if (focused) document.getElementById(focused)?.focus();
  const seq = Number($("#panel").dataset.seq);
  if (isOver($("#panel").dataset.state) && seq > own.last) await reload(); // the stream ended before its last batch
}

async function reload() {
  own.load(await json(config.points));
  redraw();
}

const duration = (s) => (s < 90 ? config.say.seconds : config.say.minutes).replace("{n}", Math.ceil(s < 90 ? s : s / 60));

function progress({ points_done: done, points_expected: of }) {
  const bar = $("#progress");
  if (!bar || !of) return;
  bar.max = of;
  bar.value = done;
  $("#progress-t").textContent = config.say.done.replace("{done}", done).replace("{of}", of);
  const at = performance.now();
  pace ??= { at, done };
  const rate = ((done - pace.done) * 1000) / (at - pace.at);
  if (rate > 0 && Number.isFinite(rate)) {
    $("#rate").textContent = config.say.rate.replace("{rate}", number(rate, 2)).replace("{left}", duration((of - done) / rate));
  }
  if (done - spoken >= of / 4) { // a few times in a run, not at every step
    spoken = done;
    say(config.say.progress.replace("{done}", done).replace("{of}", of).replace("{ends}", ends()));
  }
}

function ends() {
  const spec = charts[shown]?.spec;
  if (!spec) return "";
  return own.arms(spec.series, spec.arms).map((arm) => `${spec.labels[arm] ?? arm} ${number(own.newest(spec.series, arm)?.mean)}`).join(", ");
}

let shownState = "", spokenState = "";
async function become(message) {
  holder.dataset.state = message.state;
  const { reason = "", ahead = "", passed_by: passed = "", soonest = "", latest = "" } = message;
  const spokenOf = `${message.state} ${ahead} ${reason}`, key = `${spokenOf} ${passed} ${soonest} ${latest}`;
  if (message.state === "running") progress(message);
  if (key === shownState) return;
  const first = shownState === "";
  shownState = key;
  const isNews = spokenOf !== spokenState; // an estimate that goes down is shown, not read out
  spokenState = spokenOf;
  if (message.state !== "running") pace = null;
  if (first && message.state === $("#panel").dataset.state && reason === $("#panel").dataset.reason
    && message.state !== "queued") return; // the page says so already
  await renew().catch(() => {});
  if (message.state === "running") progress(message);
  if (isOver(message.state)) await compare();
  if (isNews) say([$("#state-h"), $("#reason")].map((line) => line?.textContent.trim()).filter(Boolean).join(" "));
}

function link({ lost }) {
  const line = $("#lost");
  const was = holder.dataset.link;
  holder.dataset.link = lost ? "lost" : "open";
  for (const { chart } of charts) { chart.lost = lost; chart.draw(); }
  if (lost && was !== "lost") {
    line.textContent = config.say.lost.replace("{time}", new Date().toLocaleTimeString(document.documentElement.lang));
    line.hidden = false;
  } else if (!lost) line.hidden = true;
}

// ---------------------------------------------------------------- read

/* A form that came with a fragment and is sent once what it names, the verdict's headline, has been on screen. */
document.addEventListener("htmx:load", ({ target }) => {
  for (const form of target.matches("form[data-seen]") ? [target] : $$("form[data-seen]", target)) {
    const headline = $(form.dataset.seen);
    if (!headline) continue;
    const watch = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watch.disconnect();
      htmx.trigger(form, "seen");
    }, { threshold: 0.5 });
    watch.observe(headline);
  }
});

// ---------------------------------------------------------------- begin

function listen() {
  const stream = new RunStream(config.events, own.last);
  stream.addEventListener("points", (event) => { if (own.add(event.detail)) redraw(); });
  stream.addEventListener("reset", (event) => {
    own.forget(event.detail) ? redraw() : reload().catch(() => {});
  });
  stream.addEventListener("state", (event) => become(event.detail));
  stream.addEventListener("link", (event) => link(event.detail));
}

/* When all is measured: the sketch beside what came, and the baseline, if it had to wait. */
async function compare() {
  if (config.held) await besides().catch(() => {});
  if (!asked && beside() >= 0 && holder.dataset.state === "succeeded") choose(beside());
  else redraw();
}

async function besides() {
  if (!config.baseline) return;
  const points = new Points();
  points.load(await json(config.baseline));
  baseline = points;
  $(".key.base").closest("li").hidden = false;
  redraw();
}

/* A link to a point, `?series=…&step=…`: the first chart with curves of the series is read there. */
function asAddressed() {
  const query = new URLSearchParams(location.search), step = parseFloat(query.get("step")), series = query.get("series");
  const curves = charts.map(({ spec }, n) => ({ spec, n })).filter(({ spec }) => spec.kind !== "bars");
  const found = series ? curves.find(({ spec }) => spec.series === series) : curves[0];
  if (!found || !Number.isFinite(step)) return 0;
  asked = true; // the sketch is not put in its place
  pinned = { series: found.spec.series, step };
  return found.n;
}

async function begin() {
  choose(asAddressed());
  try {
    await reload();
  } catch {
    link({ lost: true }); // the stream sends everything from the beginning
  }
  if (!isOver(holder.dataset.state)) listen();
  else await compare();
  if (!config.held) await besides();
}
begin().catch(() => {});
