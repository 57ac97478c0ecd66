/* What both charts share: scales whose squares are real units, numbers as read, and the hand of each line. */

/* Colour, dash and width of the nth measured line: never colour alone. */
const COLOURS = ["--plot-line", "--s3", "--s4", "--s5", "--s6", "--s7", "--s8"];
const DASHES = [[], [10, 3], [3, 3], [12, 3, 3, 3], [6, 2]];
export const hand = (n) => ({
  colour: COLOURS[n % COLOURS.length],
  dash: DASHES[n % DASHES.length],
  width: n === 0 ? 2.5 : 2,
});

/* The step (1, 2 or 5 times a power of ten) that cuts `span` into about `count` pieces. */
export function stepOf(span, count) {
  const raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
  const found = [1, 2, 5, 10].find((n) => n * power >= raw * 0.999) ?? 10;
  return found * power;
}

export function ticks(low, high, count) {
  const step = stepOf(high - low || 1, count), found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) found.push(+(n * step).toPrecision(12));
  return found;
}

/* A range around `low` and `high` that begins and ends on a tick. */
export function around(low, high) {
  if (!(low < high)) { low -= 0.5; high += 0.5; }
  const step = stepOf(high - low, 6);
  return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
}

/* What a scale must reach: all means, and of the bands so much that they do not crush the lines; nothing below zero where
   no mean is. */
export function reach(means, edges) {
  const low = Math.min(...means), high = Math.max(...means), room = (high - low) / 2;
  const least = edges.length ? Math.max(low - room, Math.min(...edges)) : low;
  const most = edges.length ? Math.min(high + room, Math.max(...edges)) : high;
  return [low >= 0 ? Math.max(0, Math.min(low, least)) : Math.min(low, least), Math.max(high, most)];
}

/* About how wide a text is, in px at 12 px: a Chinese character is square. */
export const wide = (text) => [...text.trim()].reduce((sum, c) => sum + (c > "\u2fff" ? 12.5 : 6.4), 0);

/* Three figures, as a person would write them. */
export function figure(value) {
  if (value == null || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(1).replace("e+", "e");
  if (size >= 1000) return Math.round(value).toString();
  return Number(value.toPrecision(3)).toString();
}
