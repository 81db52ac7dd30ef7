import assert from "node:assert/strict";
import test from "node:test";
import { digits, ends, even, logarithm, mean, positive, present, quantile } from "../../../src/temshift/report/assets/scripts/pure/numbers.js";

test("zero is a number, and what is missing is none", () => {
  assert.deepEqual([0, -1, null, undefined, NaN].map(present), [true, true, false, false, false]);
  assert.deepEqual(positive([2, 0, -1, null, NaN, 3]), [2, 3]);
});

test("logarithms are of positive numbers alone", () => {
  assert.equal(logarithm(1000), 3);
  assert.deepEqual([0, -1, null, NaN].map(logarithm), [null, null, null, null]);
});

test("ends and mean leave out what is missing", () => {
  assert.deepEqual(ends([null, 3, -2, NaN, 7]), [-2, 7]);
  assert.deepEqual(ends([null, NaN]), []);
  assert.equal(mean([1, null, 3, NaN]), 2);
  assert.equal(mean([null]), null);
});

test("ends of more numbers than a call may have arguments", () => {
  assert.deepEqual(ends(Float32Array.from({ length: 300000 }, (_, i) => i)), [0, 299999]);
});

test("a quantile lies between its neighbours", () => {
  assert.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
  assert.equal(quantile([1, 2, 3], 1), 3);
  assert.equal(quantile([5], 0.05), 5);
});

test("an even choice keeps to its limit and meets every column", () => {
  const columns = 80, places = even(12000 * columns, 40000, columns);
  assert.ok(places.length <= 40000 && places.length > 30000);
  assert.equal(new Set(places.map((k) => k % columns)).size, columns);
  assert.deepEqual(even(5, 10, 3), [0, 1, 2, 3, 4]);
});

test("single precision is written without its noise", () => {
  assert.equal(digits(Math.fround(0.1)), 0.1);
  assert.equal(digits(NaN), null);
});
