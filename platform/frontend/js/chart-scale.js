/* Scales whose squares are real units, and numbers as read: what every live chart shares. `apps/common/svg_charts.py` and
   `number_format.py` compute the same for the charts that the server draws; both are tested on one table. Any finite numbers do:
   a chart reaches no further than LARGEST, and no less far than its labels can be told apart. */

export const LARGEST = 5e307; // of a range, so that its ends and their distance are finite
const SMALLEST = 1e-300; // distance of two ends, so that the ticks between are no subnormal numbers
const RESOLUTION = 1e-4; // distance of two ends, relative to the larger: labels of six digits tell apart
const FINEST = 1e-10; // distance of two ticks, relative to the larger end
const ROUNDING = 1e-9; // of a step: an end that is so near to a tick stands on it
const NOISE = 1e-13; // relative to the largest number of a chart: below it there are only rounding errors
const SMALLEST_PLAIN = 1e-4, LARGEST_PLAIN = 1e6; // outside of these, numbers are written as 3.3e-16

export const within = (value) => Math.max(Math.min(value, LARGEST), -LARGEST);

const decimal = (n, power) => Number(`${n}e${power}`); // the nearest double: in Python, too
const powerOf = (value) => Number(value.toExponential(16).split("e")[1]); // logarithms differ between machines, digits do not

/* The step (1, 2 or 5, and a power of ten) that cuts a range into about `count` pieces. */
function stepOf(low, high, count) {
  const size = Math.max(Math.abs(low), Math.abs(high));
  const piece = Math.min(Math.max(high / count - low / count, size * FINEST, SMALLEST), Number.MAX_VALUE);
  const power = powerOf(piece), n = [1, 2, 5].find((each) => decimal(each, power) >= piece * 0.999);
  return n ? [n, power] : [1, power + 1];
}

/* Round numbers from `low` to `high` (1, 2 or 5 times a power of ten apart), in order: at least one, at most `count` + 1. Where no
   round number lies in so narrow a range, it is `low`. */
export function ticks(low, high, count) {
  if (low > high) [low, high] = [high, low];
  const [n, power] = stepOf(low, high, count), step = decimal(n, power);
  const first = Math.ceil(low / step - ROUNDING), last = Math.floor(high / step + ROUNDING);
  return first > last ? [low] : Array.from({ length: last - first + 1 }, (_, k) => decimal(n * (first + k), power));
}

/* Powers of ten from `low` to `high` (both above zero), evenly spaced: at least one, at most `count` + 1. Within one decade these
   are `ticks`. */
export function decades(low, high, count = 10) {
  if (low > high) [low, high] = [high, low];
  const first = powerOf(low), last = powerOf(high) + 1, every = Math.max(1, Math.ceil((last - first) / count));
  const powers = [];
  for (let p = Math.ceil(first / every) * every; p <= last; p += every) powers.push(decimal(1, p));
  const inside = powers.filter((v) => low <= v && v <= high);
  return inside.length ? inside : ticks(low, high, count);
}

/* Each tick as it is read, with as many digits as tell them apart. */
export function tickLabels(values) {
  const tries = [6, 9, 12].map((digits) => values.map((value) => number(value, digits)));
  return tries.find((labels) => new Set(labels).size === labels.length) ?? tries.at(-1);
}

/* A range that can be drawn, with `low` to `high` in its middle if that is too narrow. */
export function widened(low, high) {
  [low, high] = [within(low), within(high)];
  const size = Math.max(Math.abs(low), Math.abs(high)), enough = Math.max(size * RESOLUTION, SMALLEST);
  if (high - low >= enough) return [low, high];
  let half = enough / 2;
  if (low === high) half = half < 0.5 ? 0.5 : size / 2;
  const middle = low / 2 + high / 2;
  return [middle - half, middle + half];
}

/* The value, or 0 where it is nothing but a rounding error beside numbers of this size. */
export const settled = (value, size) => (value != null && Math.abs(value) < Math.abs(size) * NOISE ? 0 : value);

/* A range around `low` and `high` that begins and ends on a tick. */
export function around(low, high) {
  [low, high] = widened(low, high);
  const [n, power] = stepOf(low, high, 6), step = decimal(n, power);
  return [decimal(n * Math.floor(low / step + ROUNDING), power), decimal(n * Math.ceil(high / step - ROUNDING), power)];
}

/* A range of steps that can be drawn: it begins at `low` where there is one step only. */
export function onward(low, high) {
  if (low < high) return widened(low, high);
  low = within(low);
  return [low, low + Math.max(1, Math.abs(low) * RESOLUTION)];
}

const least = (values, none) => values.reduce((a, b) => Math.min(a, b), none); // a run has more numbers than a call may have arguments
const most = (values, none) => values.reduce((a, b) => Math.max(a, b), none);

/* What a scale must reach: all means, and of the bands so much that they do not crush the lines; nothing below zero where
   no mean is. */
export function reach(means, edges) {
  const low = least(means, Infinity), high = most(means, -Infinity), room = high / 2 - low / 2;
  const under = Math.max(low - room, edges.length ? least(edges, Infinity) : low);
  const over = Math.min(high + room, edges.length ? most(edges, -Infinity) : high);
  return [low >= 0 ? Math.max(0, Math.min(low, under)) : Math.min(low, under), Math.max(high, over)];
}

/* A number with at most so many significant digits, a dash where there is none; whole numbers below a million keep all of theirs. */
export function number(value, digits = 3) {
  if (value == null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size && !(size >= SMALLEST_PLAIN && size < LARGEST_PLAIN)) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${Number(mantissa)}e${Number(exponent)}`;
  }
  return `${Number(size >= 10 ** (digits - 1) ? value.toFixed(0) : value.toPrecision(digits))}`;
}
