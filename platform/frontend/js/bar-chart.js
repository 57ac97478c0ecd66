/* <bar-chart>: the newest value of each arm of one figure, as SVG on graph paper. What was measured is solid, with a whisker over
   its 95% interval that narrows as replicates come; what was predicted is dashed; the gap between them is hatched when the run is
   over; the baseline is a mark in ink. With `marks` (native vertical range inputs) it is also where a learner draws. */
import { around, number, reach, settled, tickLabels, ticks } from "./chart-scale.js";
import { margin, wide } from "./graph.js";

const SVG = "http://www.w3.org/2000/svg";
const PAD = { top: 14, right: 14, left: 52 }; // px; left is more where numbers are longer
const NAMES = 30, LINE = 13; // px below the bars for names of one line, and for each line more
const TIGHT = 42, MAX_NAME_HEIGHT = 150; // px: width of a slot below which names and numbers are vertical, and such a name
const THUMB = 26; // px
let drawn = 0; // for ids of hatches

class BarChart extends HTMLElement {
  #frame = 0;
  #reach = [Infinity, -Infinity];
  #hidden = new Set();
  #left = PAD.left;

  /* figure: {series, arms, y, unit, sketch, labels}; own and baseline: Points, or null. */
  show(spec, own, baseline, { over = false, marks = null } = {}) {
    if (spec !== this.spec) this.#reach = [Infinity, -Infinity];
    const first = !this.spec;
    Object.assign(this, { spec, own, baseline, over, marks });
    if (first) new ResizeObserver(() => this.draw()).observe(this);
    this.draw();
  }

  draw() {
    if (this.#frame || !this.spec) return;
    this.#frame = requestAnimationFrame(() => { this.#frame = 0; if (this.clientWidth) this.#paint(); });
  }

  toggle(who, on) {
    on ? this.#hidden.delete(who) : this.#hidden.add(who);
    this.draw();
  }

  #arms() {
    const exact = this.spec.arms.filter((arm) => !arm.includes("*"));
    const arms = [...exact];
    for (const points of [this.own, this.baseline]) for (const arm of points?.arms(this.spec.series, this.spec.arms) ?? []) if (!arms.includes(arm)) arms.push(arm);
    return arms;
  }

  #rows() {
    const { series, labels, sketch = {} } = this.spec;
    return this.#arms().map((arm) => ({
      arm,
      name: labels[arm] ?? arm,
      run: this.#hidden.has("run") ? null : this.own?.newest(series, arm),
      base: this.#hidden.has("base") ? null : this.baseline?.newest(series, arm),
      pred: this.#hidden.has("pred") ? null : (this.marks?.get(arm) ? Number(this.marks.get(arm).value) : (sketch[arm] ?? null)),
    }));
  }

  #scale(rows) {
    const means = rows.flatMap((r) => [r.run?.mean, r.base?.mean, r.pred]).filter((v) => v != null && v !== this.spec.not_found);
    const edges = rows.flatMap((r) => [r.run?.low, r.run?.high]).filter((v) => v != null);
    const [low, high] = reach([...means, ...(this.spec.y ?? [this.spec.foot ?? 0])], this.spec.y ? [] : edges);
    const part = this.#slot(rows) < TIGHT ? 4 : 12, room = high / part - low / part; // for the number over the tallest bar
    const top = this.spec.y ? high : high + room;
    this.#reach = [Math.min(this.#reach[0], low), Math.max(this.#reach[1], top)];
    return around(...this.#reach);
  }

  #slot(rows) { return (this.clientWidth - this.#left - PAD.right) / Math.max(1, rows.length); } // px

  #paint() {
    const rows = this.#rows(), [low, high] = this.#scale(rows);
    const width = this.clientWidth;
    this.#left = margin(tickLabels(ticks(low, high, 6)), PAD.left);
    const slot = this.#slot(rows);
    const foot = 270 + (width < 560 ? 0 : 50) - NAMES, height = foot + below(rows, slot);
    const inner = { w: width - this.#left - PAD.right, h: foot - PAD.top };
    const y = (v) => PAD.top + inner.h * (1 - (Math.min(high, Math.max(low, v)) - low) / (high - low));
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "bars", "aria-hidden": "true" });
    this.#paper(svg, { low, high, y, width, inner });
    const size = Math.max(0, ...rows.map((row) => Math.abs(row.run?.mean ?? 0)));
    rows.forEach((row, n) => this.#bar(svg, row, { size, x: this.#left + slot * n, slot, y, zero: y(Math.max(low, Math.min(this.spec.foot ?? 0, high))), foot }));
    if (this.spec.foot > low) svg.append(make("path", { class: "foot", d: `M${this.#left} ${y(this.spec.foot)}H${width - PAD.right}` }));
    this.querySelector("svg")?.remove();
    this.prepend(svg);
    this.#place(rows, { slot, y, low, high });
  }

  #paper(svg, { low, high, y, width, inner }) {
    const major = ticks(low, high, 6), minor = ticks(low, high, 30);
    const right = this.#left + inner.w, foot = PAD.top + inner.h;
    const rows = (list) => list.map((v) => `M${this.#left} ${y(v).toFixed(1)}H${right}`).join("");
    const columns = (step) => Array.from({ length: Math.floor(inner.w / step) + 1 }, (_, n) => `M${this.#left + n * step} ${PAD.top}V${foot}`).join("");
    svg.append(make("path", { class: "minor", d: rows(minor) + columns(8) }), make("path", { class: "major", d: rows(major) + columns(40) }));
    tickLabels(major).forEach((label, n) => svg.append(make("text", { x: this.#left - 7, y: y(major[n]) + 4, class: "tick" }, label)));
    svg.append(make("text", { x: this.#left + 8, y: PAD.top + 14, class: "unit" }, this.spec.unit ?? ""));
  }

  #bar(svg, row, { size, x, slot, y, zero, foot }) {
    const wide = Math.min(slot * 0.62, 96), left = x + (slot - wide) / 2, middle = x + slot / 2;
    const box = (v, inset = 0) => ({ x: left + inset, width: wide - 2 * inset, y: Math.min(y(v), zero), height: Math.max(0.5, Math.abs(y(v) - zero)) });
    const group = make("g", { "data-arm": row.arm });
    const none = row.run != null && row.run.mean === this.spec.not_found;
    if (row.run && !none) {
      group.append(make("rect", { class: "measured", ...box(row.run.mean, wide * 0.12) }));
      if (row.pred != null && this.over) this.#hatch(group, left, wide, y(row.pred), y(row.run.mean));
      if (row.run.low != null && row.run.high != null) {
        group.append(make("path", { class: "whisker", d: `M${middle - 6} ${y(row.run.low)}h12m-6 0V${y(row.run.high)}m-6 0h12` }));
      }
    }
    if (row.base && row.base.mean !== this.spec.not_found) group.append(make("path", { class: "base", d: `M${left} ${y(row.base.mean)}h${wide}` }));
    const idle = this.marks && !this.marks.get(row.arm)?.name; // nobody touched it yet: no opinion
    if (row.pred != null) group.append(make("rect", { class: idle ? "drawn idle" : "drawn", ...box(row.pred) }));
    const value = none ? this.spec.not_found_word : row.run ? number(settled(row.run.mean, size)) : row.pred != null && !idle ? number(row.pred) : "";
    const marked = none ? [] : row.run ? [row.run.mean, row.run.high] : [row.pred]; // a value stands at its own mark
    const top = Math.min(...marked.filter((v) => v != null).map(y), zero);
    const over = Math.max(PAD.top + 10, top - (this.marks ? 18 : 7)), kind = none ? "value none" : row.run ? "value run" : "value pred";
    group.append(slot < TIGHT && value ? onEnd(value, middle, Math.max(top - 6, PAD.top + 6.5 * value.length), `${kind} up`) : make("text", { x: middle, y: over, class: kind }, value));
    group.append(slot < TIGHT ? onEnd(row.name, middle, foot + 8, "name down") : name(row.name, middle, foot + 16, slot));
    svg.append(group);
  }

  #hatch(group, x, width, from, to) { // the gap, as on a section sketch
    const id = `hatch-${++drawn}`;
    const pattern = make("pattern", { id, width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    pattern.append(make("path", { d: "M0 0V7", class: "hatch" }));
    group.append(pattern, make("rect", { x, width, y: Math.min(from, to), height: Math.abs(from - to), fill: `url(#${id})` }));
  }

  #place(rows, { slot, y, low, high }) {
    if (!this.marks) return;
    rows.forEach((row, n) => {
      const input = this.marks.get(row.arm);
      if (!input) return;
      const top = y(Number(input.max)), bottom = y(Number(input.min));
      Object.assign(input.style, { left: `${this.#left + slot * (n + 0.5)}px`, top: `${top - THUMB / 2}px`, height: `${bottom - top + THUMB}px` });
    });
  }
}

function make(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text != null) element.textContent = text;
  return element;
}

const WORDS = /(?:[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+)[，。、：；！？）]*\s*/g; // Chinese may break anywhere but before these

function broken(text, slot) { // into as many lines as its slot needs
  const lines = (text.match(WORDS) ?? [text]).reduce((all, word) => {
    if (all.length === 3 || (all.length && wide(all.at(-1) + word) <= slot - 4)) all[all.length - 1] += word;
    else all.push(word);
    return all;
  }, []);
  return lines.map((line) => line.trim());
}

function below(rows, slot) { // px that the names need
  if (slot < TIGHT) return 18 + Math.min(MAX_NAME_HEIGHT, Math.max(0, ...rows.map((row) => wide(row.name))));
  return NAMES + LINE * (Math.max(1, ...rows.map((row) => broken(row.name, slot).length)) - 1);
}

function onEnd(text, x, y, kind) { // a line of text that reads upwards
  return make("text", { class: kind, transform: `translate(${x + 4} ${y}) rotate(-90)` }, text);
}

function name(text, x, y, slot) {
  const element = make("text", { x, y, class: "name" });
  broken(text, slot).forEach((line, n) => element.append(make("tspan", { x, dy: n ? LINE : 0 }, line)));
  return element;
}

customElements.define("bar-chart", BarChart);
