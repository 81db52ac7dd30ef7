import { ends, present, quantile } from "./numbers.js";

const LOST = 0.5;  // information counts as lost where less than this share of it is left
const WEAK = 0.03;  // of the highest; what is less than this was never there

// Frequencies at which most of what the first lets through is gone under the second: pairs of ends.
export function bands(q, before, after) {
  const highest = ends(before)[1] || 0, found = [];
  const lost = q.map((_, i) => present(before[i]) && present(after[i]) && before[i] > WEAK * highest && after[i] < LOST * before[i]);
  lost.forEach((is, i) => {
    if (is && !lost[i - 1]) found.push([q[i], q[i]]);
    if (is) found[found.length - 1][1] = q[i];
  });
  return found.filter(([start, end]) => end > start);
}

export const total = (q, values) => {
  const weight = q.reduce((sum, each) => sum + each, 0);
  return values.reduce((sum, value, i) => sum + (value || 0) * q[i], 0) / weight;
};

// Two microscopes may have other frequencies; then there is nothing to subtract.
export const alike = (first, second) => first.every((value, i) => Math.abs(value - second[i]) <= 1e-3 * Math.abs(value));
const LEAST_BINNED = 60;
export const PER_BIN = 20;

// Median and middle 90 % of y in bins of as many points, pairs of x and y, each along x; none of a few points.
export function binned(points) {
  const known = points.filter(([x]) => present(x)).sort((a, b) => a[0] - b[0]);
  if (known.length < LEAST_BINNED) return [];
  const count = Math.min(12, Math.floor(known.length / PER_BIN));
  return Array.from({ length: count }, (_, i) => known.slice(Math.floor(i * known.length / count), Math.floor((i + 1) * known.length / count)))
    .map((part) => {
      const y = part.map((pair) => pair[1]).sort((a, b) => a - b);
      return { x: part[Math.floor(part.length / 2)][0], low: quantile(y, 0.05), middle: quantile(y, 0.5), high: quantile(y, 0.95) };
    }).filter((bin, i, all) => !i || bin.x > all[i - 1].x);
}
