/* The points of one run, by series and arm. Batches are kept with their number, so that none is added twice and a reset by a
   later run attempt can discard those after `keep`. */
const key = (series, arm) => `${series}\n${arm}`;

export class Points {
  last = 0; // number of the newest batch, of resets too
  count = 0; // of points
  #batches = [];
  #curves = new Map(); // series, arm -> {arm, series, step[], mean[], low[], high[]}
  #loaded = 0; // batches up to this number came as one

  /* Take the whole run as the server has it now: {seq, series: [{arm, series, step, mean, low, high}]}. */
  load({ seq, series }) {
    this.last = this.#loaded = seq;
    this.#batches = series.map((batch) => ({ ...batch, seq: 0 }));
    this.#rebuild();
  }

  /* Add a batch; false when it is here already. */
  add(batch) {
    if (batch.seq <= this.last) return false;
    this.last = batch.seq;
    this.#batches.push(batch);
    this.#join(batch);
    return true;
  }

  /* Discard the batches after `keep`; false when they were loaded with earlier ones as a whole: load again. */
  forget({ seq, keep }) {
    if (seq <= this.last) return true;
    this.last = seq;
    if (keep > 0 && keep < this.#loaded) return false;
    this.#batches = this.#batches.filter((batch) => keep > 0 && batch.seq <= keep);
    this.#rebuild();
    return true;
  }

  curve(series, arm) { return this.#curves.get(key(series, arm)); }

  /* The arms that have points of `series` and fit one of `patterns`, in the order of the patterns, then of arrival. */
  arms(series, patterns) {
    const here = [...this.#curves.values()].filter((curve) => curve.series === series).map((curve) => curve.arm);
    const matching = new Set();
    for (const pattern of patterns) for (const arm of here) if (fits(pattern, arm)) matching.add(arm);
    return [...matching];
  }

  /* The newest value of an arm that is a number: {step, mean, low, high}. */
  newest(series, arm) {
    const curve = this.curve(series, arm);
    for (let i = (curve?.step.length ?? 0) - 1; i >= 0; i--) {
      if (curve.mean[i] != null) return { step: curve.step[i], mean: curve.mean[i], low: curve.low[i], high: curve.high[i] };
    }
    return null;
  }

  #rebuild() {
    this.count = 0;
    this.#curves.clear();
    for (const batch of this.#batches) this.#join(batch);
  }

  #join({ arm, series, step, mean, low = [], high = [] }) {
    const at = key(series, arm);
    if (!this.#curves.has(at)) this.#curves.set(at, { arm, series, step: [], mean: [], low: [], high: [] });
    const curve = this.#curves.get(at);
    step.forEach((s, i) => {
      curve.step.push(s);
      curve.mean.push(mean[i] ?? null);
      curve.low.push(low[i] ?? null);
      curve.high.push(high[i] ?? null);
    });
    this.count += step.length;
  }
}

/* Whether a name fits a pattern in which * stands for anything. */
export function fits(pattern, name) {
  const pieces = pattern.split("*").map((piece) => piece.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${pieces.join(".*")}$`).test(name);
}
