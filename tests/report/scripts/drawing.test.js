import assert from "node:assert/strict";
import test from "node:test";
import { colours, scale, viridis } from "../../../src/temshift/report/assets/scripts/pure/colours.js";
import { alike, bands, binned, total } from "../../../src/temshift/report/assets/scripts/pure/statistics.js";
import { roundTicks } from "../../../src/temshift/report/assets/scripts/pure/ticks.js";

const LOSS = { lower: true }, F1 = { lower: false }, RATIO = { lower: true, diverging: true };

test("ticks are round, rising, near the ends, and fewer on a narrow screen", () => {
  for (const [lowest, highest] of [[0.013, 0.9], [0.21, 0.35], [100, 12800], [0.5, 9], [1e-6, 4]]) {
    for (const few of [false, true]) {
      const ticks = roundTicks([lowest, highest], few);
      assert.ok(ticks.length >= 2 && ticks.length <= 16, `${ticks} of ${lowest} to ${highest}`);
      assert.ok(ticks.every((tick, i) => tick >= 0.8 * lowest && tick <= 1.25 * highest && (!i || tick > ticks[i - 1])));
      assert.ok(ticks.every((tick) => String(tick) === String(Number(tick.toPrecision(2)))));
    }
  }
  assert.ok(roundTicks([0.02, 0.9], true).length < roundTicks([0.02, 0.9], false).length);
  assert.deepEqual(roundTicks([0.5, 20], true), [0.5, 1, 2, 5, 10, 20]);
});

test("losses are shaded by their logarithm, shares as they are", () => {
  assert.equal(scale(LOSS)(0.01), -2);
  assert.equal(scale(F1)(0.01), 0.01);
  assert.equal(scale({ lower: true, linear: true })(3), 3);
  assert.equal(scale(LOSS)(0), null);
});

test("yellow is better, and white is the middle of a ratio", () => {
  assert.deepEqual(colours(LOSS, [-2, 0]), { colorscale: "Cividis", reversescale: true, zmin: -2, zmax: 0 });
  assert.equal(colours(F1, [0, 1]).reversescale, false);
  const ratio = colours(RATIO, [-0.1, 0.3]);
  assert.deepEqual([ratio.zmin, ratio.zmax], [-0.3, 0.3]);
  assert.deepEqual([ratio.colorscale[0][0], ratio.colorscale[4], ratio.colorscale.at(-1)[0]], [0, [0.5, "#f7f7f7"], 1]);
});

test("viridis leaves out the shade that its paper would swallow", () => {
  const [light, dark] = [viridis(false), viridis(true)];
  assert.deepEqual([light[0], light.at(-1)[0]], [[0, "#440154"], 1]);
  assert.ok(!dark.some(([, shade]) => shade === "#440154") && !light.some(([, shade]) => shade === "#fde725"));
});

test("bands cover frequencies of which most is lost, and of which there was something", () => {
  const q = [0, 1, 2, 3, 4, 5, 6, 7], before = [1, 1, 1, 1, 1, 0.01, 0.01, 0.01];
  assert.deepEqual(bands(q, before, [1, 0.4, 0.1, 0.4, 0.9, 0, 0, 0]), [[1, 3]]);
  assert.deepEqual(bands(q, before, before), []);
  assert.deepEqual(bands(q, [null, 1, 1], [0, null, 0]), []);
});

test("a total over the plane is weighted by the frequency", () => {
  assert.equal(total([1, 3], [2, 2]), 2);
  assert.equal(total([1, 3], [null, 4]), 3);
  assert.ok(alike([1, 2], [1.0001, 2]) && !alike([1, 2], [1, 2.1]));
});

test("bins hold as many points each and rise along x; few points have none", () => {
  const points = Array.from({ length: 240 }, (_, i) => [i, i % 20]).reverse();
  const bins = binned([...points, [null, 5]]);
  assert.equal(bins.length, 12);
  assert.ok(bins.every((bin, i) => bin.low < bin.middle && bin.middle < bin.high && (!i || bin.x > bins[i - 1].x)));
  assert.ok(Math.abs(bins[0].middle - 9.5) < 1e-9);
  assert.deepEqual(binned(points.slice(0, 59)), []);
  assert.equal(binned(points.map(([, y]) => [1, y])).length, 1);
});
