/* <metric-chart>: the curves of one figure, uPlot on graph paper. Measured arms are drawn in colours, each with a dash of its own,
   with bands; the baseline thin and in ink; what was predicted in pencil at the right edge. Names stand at the ends of the lines. */
import uPlot from "uplot";
import { around, decades, number, onward, reach, settled, tickLabels, ticks, within } from "./chart-scale.js";
import { hand, margin, wide } from "./graph.js";

const NARROW = 560; // px
const LINE = 16; // px between two names
const LEFT = 48, BELOW = 30, GAP = 5; // px: room for the numbers at the axes, and from the paper to them
const empty = () => [];

class MetricChart extends HTMLElement {
  #chart = null;
  #shape = ""; // what the chart was built for
  #frame = 0;
  #lines = []; // {name, arm, hand, own, offset}
  #columns = [[]]; // steps, then of each line its values: as they were measured, while the chart has them within what it can reach
  #hidden = new Set(); // hands that are switched off
  #reach = [Infinity, -Infinity]; // of y so far: a scale that shrinks would jump
  lost = false;

  /* figure: {series, arms, y, x, unit, log_x, to, sketch, labels}; own and baseline: Points, or null. */
  show(spec, own, baseline) {
    if (spec !== this.spec) this.#reach = [Infinity, -Infinity];
    Object.assign(this, { spec, own, baseline });
    if (!this.#chart) this.#begin();
    this.draw();
  }

  draw() {
    if (this.#frame || !this.spec) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.clientWidth) return; // in a figure that is put away
      const arms = this.own.arms(this.spec.series, this.spec.arms);
      const shape = JSON.stringify([arms, this.baseline ? this.baseline.arms(this.spec.series, this.spec.arms) : [], this.spec.series, this.clientWidth]);
      if (shape !== this.#shape) this.#build(shape, arms);
      else { this.#load(); this.#chart.setData(this.#inReach()); }
    });
  }

  toggle(who, on) {
    on ? this.#hidden.delete(who) : this.#hidden.add(who);
    this.#shape = "";
    this.draw();
  }

  get steps() { return this.#columns[0]; }

  /* Move the cursor to the nth step, and return what stands there: {step, values: [{name, arm, hand, step, value}]}, each arm at its
     own step, the newest that has a value. */
  read(n) {
    const step = this.steps[n];
    if (step == null) return null;
    this.#chart.setCursor({ left: this.#chart.valToPos(within(step), "x"), top: 10 });
    return { step, values: this.#values(n) };
  }

  #values(n) {
    return this.#lines.map((line) => ({ name: line.name, arm: line.arm, hand: line.hand, ...this.#near(line, n) }));
  }

  #near(line, n) { // the line's newest value at or before the nth step
    const column = this.#columns[line.offset];
    for (let i = n; i >= 0; i--) if (column[i] != null) return { step: this.steps[i], value: settled(column[i], this.size) };
    return { step: null, value: null };
  }

  #begin() {
    this.replaceChildren();
    this.probe = document.createElement("i");
    this.probe.hidden = true;
    this.append(this.probe);
    this.#chart = { destroy() {}, setData() {} };
    const again = () => { this.#shape = ""; this.draw(); };
    new ResizeObserver(() => this.draw()).observe(this);
    document.addEventListener("themechange", again);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  }

  #colour(name) { // light-dark() is resolved only on an element
    this.probe.style.color = `var(${name})`;
    return getComputedStyle(this.probe).color;
  }

  get #narrow() { return this.clientWidth < NARROW; }
  get #height() { return this.#narrow ? 270 : Math.max(280, Math.min(380, innerHeight - 460)); }

  #build(shape, arms) {
    this.#chart.destroy();
    this.#shape = shape;
    this.colours = Object.fromEntries(["--ink-2", "--ink-3", "--grid-minor", "--grid-major", "--pencil-line", "--pencil", "--graph"].map((c) => [c, this.#colour(c)]));
    this.font = getComputedStyle(this).fontFamily;
    this.#choose(arms);
    this.#load();
    this.#chart = new uPlot({
      width: this.clientWidth, height: this.#height, legend: { show: false }, padding: [12, this.#margin(), BELOW, (u) => this.#left(u)],
      cursor: { points: { size: 7 }, drag: { x: false, y: false }, y: false },
      scales: {
        x: { time: false, distr: this.spec.log_x ? 3 : 1, range: (u, low, high) => this.#rangeX(low, high) },
        y: { range: (u) => this.#rangeY(u) },
      },
      axes: [{ show: false }, { show: false }], // the paper has the numbers: uPlot's own ticks do not bear any range
      series: [{}, ...this.#lines.flatMap((line) => this.#strokes(line))],
      bands: this.#lines.filter((line) => line.banded).map((line) => ({ series: [line.offset + 2, line.offset + 1], fill: line.wash })),
      hooks: { drawClear: [(u) => this.#paper(u)], draw: [(u) => { this.#marks(u); this.#names(u); }], setCursor: [(u) => this.#tell(u)] },
    }, this.#inReach(), this);
  }

  #choose(arms) {
    const { series, labels } = this.spec, lines = [];
    const base = this.baseline && !this.#hidden.has("base") ? this.baseline.arms(series, this.spec.arms) : [];
    for (const arm of base) lines.push({ arm, name: labels[arm] ?? arm, hand: "base", from: this.baseline, colour: this.colours["--ink-2"], width: 1, dash: [] });
    if (!this.#hidden.has("run")) {
      arms.forEach((arm, n) => {
        const { colour, width, dash } = hand(n);
        lines.push({ arm, name: labels[arm] ?? arm, hand: "run", from: this.own, colour: this.#colour(colour), width, dash, banded: true });
      });
    }
    let offset = 1;
    for (const line of lines) {
      line.offset = offset;
      offset += line.banded ? 3 : 1;
      line.wash = line.colour.replace(/^rgb\((.*)\)$/, "rgba($1, 0.16)");
    }
    this.#lines = lines;
  }

  #strokes(line) {
    const middle = { stroke: line.colour, width: line.width, dash: line.dash, spanGaps: true, points: { show: (u, i) => u.data[0].length < 3 && line.hand === "run" } };
    const edge = { stroke: "transparent", width: 0, spanGaps: true, points: { show: false } };
    return line.banded ? [middle, edge, edge] : [middle];
  }

  #load() {
    const { series } = this.spec;
    const curves = this.#lines.map((line) => line.from.curve(series, line.arm) ?? { step: empty(), mean: empty(), low: empty(), high: empty() });
    const steps = [...new Set(curves.flatMap((curve) => curve.step))].filter((s) => s != null && (!this.spec.log_x || s > 0)).sort((a, b) => a - b);
    const place = new Map(steps.map((step, i) => [step, i]));
    const columns = [steps];
    this.#lines.forEach((line, n) => {
      const curve = curves[n];
      for (const name of line.banded ? ["mean", "low", "high"] : ["mean"]) {
        const column = new Array(steps.length).fill(null);
        curve.step.forEach((step, i) => { if (place.has(step)) column[place.get(step)] = curve[name][i]; });
        columns.push(column);
      }
    });
    this.#columns = columns;
    this.size = 0; // of the largest value
    for (const line of this.#lines) for (const v of columns[line.offset]) if (v != null && Math.abs(v) > this.size) this.size = Math.abs(v);
  }

  #inReach() { return this.#columns.map((column) => column.map((v) => (v == null ? null : within(v)))); }

  #rangeX(low, high) {
    const to = this.spec.to ?? high;
    if (low == null) return this.spec.log_x ? [1, 10] : onward(0, to ?? 1);
    if (!this.spec.log_x) return onward(Math.min(low, to), Math.max(high, to));
    const end = Math.max(high, low * 10);
    return Number.isFinite(end) ? [low, end] : [low / 10, high];
  }

  #rangeY(u) {
    const finite = (columns) => columns.flat().filter((v) => v != null);
    const means = [...finite(this.#lines.map((line) => u.data[line.offset] ?? [])), ...(this.spec.y ?? []), ...Object.values(this.spec.sketch ?? {})];
    const bands = this.spec.y ? [] : this.#lines.filter((line) => line.banded).flatMap((line) => [u.data[line.offset + 1], u.data[line.offset + 2]]);
    if (!means.length) return [0, 1];
    const [low, high] = reach(means, finite(bands));
    this.#reach = [Math.min(this.#reach[0], low), Math.max(this.#reach[1], high)];
    return around(...this.#reach);
  }

  #rows(u) { return u.scales.y.min == null ? [] : ticks(u.scales.y.min, u.scales.y.max, 6); }
  #left(u) { return margin(tickLabels(this.#rows(u)), LEFT); }

  #margin() {
    if (this.#narrow) return 12;
    const drawn = Object.keys(this.spec.sketch ?? {}).map((arm) => this.spec.labels[arm] ?? arm);
    return Math.min(230, 72 + 1.06 * Math.max(0, ...[...this.#lines.map((line) => line.name), ...drawn].map(wide)));
  }

  #paper(u) { // graph paper whose squares are real units
    const { ctx, bbox: box } = u, px = devicePixelRatio, { x, y } = u.scales;
    const rows = this.#rows(u), columns = (this.spec.log_x ? decades : ticks)(x.min, x.max, this.#narrow ? 5 : 10);
    ctx.save();
    ctx.setLineDash([]);
    for (const [colour, xs, ys] of [["--grid-minor", this.spec.log_x ? columns : fifths(columns), fifths(rows)], ["--grid-major", columns, rows]]) {
      ctx.beginPath();
      ctx.strokeStyle = this.colours[colour];
      ctx.lineWidth = px;
      for (const v of xs) if (v >= x.min && v <= x.max) { const at = Math.round(u.valToPos(v, "x", true)) + 0.5; ctx.moveTo(at, box.top); ctx.lineTo(at, box.top + box.height); }
      for (const v of ys) if (v >= y.min && v <= y.max) { const at = Math.round(u.valToPos(v, "y", true)) + 0.5; ctx.moveTo(box.left, at); ctx.lineTo(box.left + box.width, at); }
      ctx.stroke();
    }
    ctx.fillStyle = this.colours["--ink-3"];
    ctx.font = `${12 * px}px ${this.font}`;
    const right = box.left + box.width, foot = box.top + box.height;
    ctx.textAlign = "right"; ctx.textBaseline = "middle";
    tickLabels(rows).forEach((label, n) => ctx.fillText(label, box.left - GAP * px, Math.round(u.valToPos(rows[n], "y", true))));
    ctx.textAlign = "center"; ctx.textBaseline = "top";
    tickLabels(columns).forEach((label, n) => ctx.fillText(label, Math.round(u.valToPos(columns[n], "x", true)), foot + GAP * px));
    ctx.textAlign = "left"; ctx.textBaseline = "middle";
    ctx.fillText(this.spec.unit ?? "", box.left + 8 * px, box.top + 16 * px);
    ctx.textAlign = this.#narrow ? "right" : "left"; // beside the numbers of the axis, where lines do not end
    ctx.fillText(this.spec.x ?? "", this.#narrow ? right - 8 * px : right + 24 * px, this.#narrow ? foot - 8 * px : foot + 15 * px);
    ctx.restore();
  }

  #marks(u) { // what was predicted, and where a lost line ends
    const { ctx, bbox: box } = u, px = devicePixelRatio;
    ctx.save();
    if (!this.#hidden.has("pred")) {
      ctx.strokeStyle = this.colours["--pencil-line"];
      ctx.lineWidth = 2.25 * px;
      ctx.setLineDash([5 * px, 3 * px]);
      for (const [arm, value] of Object.entries(this.spec.sketch ?? {})) {
        if (!this.spec.arms.length || value == null) continue;
        const y = u.valToPos(within(value), "y", true), end = box.left + box.width;
        ctx.beginPath(); ctx.moveTo(end - 34 * px, y); ctx.lineTo(end, y); ctx.stroke();
      }
    }
    if (this.lost) {
      ctx.setLineDash([]);
      for (const line of this.#lines.filter((l) => l.hand === "run")) {
        const end = this.#end(line);
        if (!end) continue;
        ctx.beginPath();
        ctx.arc(u.valToPos(within(end.step), "x", true), u.valToPos(within(end.value), "y", true), 4.5 * px, 0, 7);
        ctx.fillStyle = this.colours["--graph"]; ctx.strokeStyle = line.colour; ctx.lineWidth = 2 * px;
        ctx.fill(); ctx.stroke();
      }
    }
    ctx.restore();
  }

  #end(line) {
    const [steps, column] = [this.#columns[0], this.#columns[line.offset] ?? []];
    for (let i = column.length - 1; i >= 0; i--) if (column[i] != null) return { step: steps[i], value: column[i] };
    return null;
  }

  #names(u) {
    if (this.#narrow || u !== this.#chart) { if (u !== this.#chart) queueMicrotask(() => this.#chart === u && u.redraw(false)); return; }
    const { ctx, bbox: box } = u, px = devicePixelRatio;
    const own = this.#lines.some((line) => line.hand === "run" && this.#end(line));
    const named = this.#lines.filter((line) => line.hand === "run" || !own).map((line) => ({ line, end: this.#end(line) })).filter((item) => item.end);
    const items = [...named, ...this.#awaited(named)].map((item) => ({ ...item, y: u.valToPos(within(item.end.value), "y", true) })).sort((a, b) => a.y - b.y);
    for (let i = 1; i < items.length; i++) items[i].y = Math.max(items[i].y, items[i - 1].y + LINE * px);
    let floor = box.top + box.height; // and back up, where the names ran out at the bottom
    for (let i = items.length - 1; i >= 0; i--) { items[i].y = Math.min(items[i].y, floor); floor = items[i].y - LINE * px; }
    ctx.save();
    ctx.textAlign = "left"; ctx.textBaseline = "middle";
    for (const { line, end, y } of items) {
      const x = box.left + box.width + 10 * px;
      ctx.fillStyle = line.hand === "base" ? this.colours["--ink-2"] : line.colour;
      ctx.font = `600 ${12.5 * px}px ${this.font}`;
      ctx.fillText(line.name, x, y);
      const wide = ctx.measureText(line.name).width;
      ctx.font = `${12.5 * px}px ${this.font}`;
      ctx.fillText(number(settled(end.value, this.size)), x + wide + 7 * px, y);
    }
    ctx.restore();
  }

  #awaited(named) { // what was predicted of arms that are not measured yet
    if (this.#hidden.has("pred")) return [];
    const known = new Set(named.filter(({ line }) => line.hand === "run").map(({ line }) => line.arm));
    const drawn = Object.entries(this.spec.sketch ?? {}).filter(([arm, value]) => value != null && !known.has(arm));
    return drawn.map(([arm, value]) => ({ line: { name: this.spec.labels[arm] ?? arm, hand: "pred", colour: this.colours["--pencil"] }, end: { value } }));
  }

  #tell(u) {
    if (u.cursor.idx == null || u !== this.#chart) return;
    this.dispatchEvent(new CustomEvent("read", { detail: { n: u.cursor.idx, step: this.steps[u.cursor.idx], values: this.#values(u.cursor.idx) } }));
  }
}

function fifths(list) { // five squares to each
  const step = (list[1] - list[0]) / 5;
  return step > 0 ? Array.from({ length: 5 * (list.length + 1) }, (_, n) => list[0] + (n - 5) * step) : list;
}

customElements.define("metric-chart", MetricChart);
