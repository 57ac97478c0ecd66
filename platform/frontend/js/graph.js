/* How lines and names look in both charts. */

/* Colour, dash and width of the nth measured line: never colour alone. */
export const COLOURS = ["--plot-line", "--s3", "--s4", "--s5", "--s6", "--s7", "--s8", "--ink"];
const DASHES = [[], [10, 3], [3, 3], [12, 3, 3, 3], [6, 2]];
export const hand = (n) => ({
  colour: COLOURS[n % COLOURS.length],
  dash: DASHES[n % DASHES.length],
  width: n === 0 ? 2.5 : 2,
});

/* About how wide a text is, in px at 12 px: a Chinese character is square. */
export const wide = (text) => [...text.trim()].reduce((sum, c) => sum + (c > "\u2fff" ? 12.5 : 6.4), 0);

/* The room (px) left of the paper that its labels need. */
export const margin = (labels, atLeast) => Math.max(atLeast, ...labels.map((label) => Math.ceil(wide(label)) + 10));
