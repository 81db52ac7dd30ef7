import { ends } from "./numbers.js";

// Ticks at round numbers for a logarithmic axis, so that no axis shows a bare 2, 3, 5; few on a narrow screen.
export function roundTicks(values, few) {
  const lowest = Math.min(...ends(values)), highest = Math.max(...ends(values));
  const many = few ? [1, 2, 5] : [1, 2, 3, 5];
  const close = highest / lowest < 2 ? [1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3.2, 3.6, 4, 4.5, 5, 6, 7, 8, 9]
    : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8];
  const steps = highest / lowest < 4 ? close : highest / lowest > 1000 ? [1] : many;
  const ticks = [];
  for (let power = Math.floor(Math.log10(lowest)); power <= Math.log10(highest) + 1; power += 1) {
    for (const step of steps) ticks.push(Number((step * Math.pow(10, power)).toPrecision(3)));
  }
  return ticks.filter((tick) => tick >= 0.8 * lowest && tick <= 1.25 * highest);
}
