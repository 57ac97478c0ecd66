/* A point of a run's curve as it is cited in a post: `apps/discussions/citations.py` reads it. */
export function pointCitation(run, series, { arm, step }) {
  return `[point:${[run, arm, series, step].map(encodeURIComponent).join("/")}]`;
}
