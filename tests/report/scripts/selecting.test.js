import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import test from "node:test";
import { csvText } from "../../../src/temshift/report/assets/scripts/pure/csv.js";
import { byName, byNumber, within, worded } from "../../../src/temshift/report/assets/scripts/pure/filters.js";
import { unpackAll, unpacked, valueAt } from "../../../src/temshift/report/assets/scripts/pure/packing.js";

test("an empty range lets everything through, a range no missing number", () => {
  assert.ok(within(5, [NaN, NaN]) && within(null, [NaN, NaN]));
  assert.ok(within(5, [5, 5]) && within(5, [NaN, 9]) && within(5, [1, NaN]));
  assert.ok(!within(5, [6, NaN]) && !within(5, [NaN, 4]) && !within(null, [1, NaN]) && !within(null, [NaN, 9]));
});

test("every word must occur, one behind a minus must not", () => {
  const item = { name: "Defocus -20 nm", words: "dose 400 e/Å²" };
  assert.ok(worded(item, []) && worded(item, ["defocus", "400"]) && worded(item, ["-coma"]) && worded(item, ["-"]));
  assert.ok(!worded(item, ["coma"]) && !worded(item, ["defocus", "-dose"]));
});

test("names are sorted as numbers are read", () => {
  const names = ["dose 100", "dose 20", "dose 3"];
  assert.deepEqual(byName([0, 1, 2], (i) => names[i], 1), [2, 1, 0]);
  assert.deepEqual(byName([0, 1, 2], (i) => names[i], -1), [0, 1, 2]);
});

test("missing numbers come last whichever way, and equal ones stay in order", () => {
  const numbers = [null, 3, 1, NaN, 3];
  assert.deepEqual(byNumber([0, 1, 2, 3, 4], (i) => numbers[i], 1), [2, 1, 4, 0, 3]);
  assert.deepEqual(byNumber([0, 1, 2, 3, 4], (i) => numbers[i], -1), [1, 4, 2, 0, 3]);
});

test("CSV quotes what needs it and leaves missing numbers empty", () => {
  assert.equal(csvText([["a,b", 'say "x"', "two\nlines"], [null, NaN, 0]]), '"a,b","say ""x""","two\nlines"\r\n,,0\r\n');
});

// Grids as Python packs them; tests/report/test_page_scripts.py hands them over.
test("grids of numbers come out as Python put them in", async () => {
  const { packed, grids } = JSON.parse(readFileSync(process.env.PACKED_GRIDS, "utf8"));
  const unpackedGrids = await unpackAll(packed);
  for (const [name, rows] of Object.entries(grids)) {
    const tolerance = name === "few" ? 1e-6 : 2e-3;
    rows.forEach((row, i) => row.forEach((value, j) => {
      const out = valueAt(unpackedGrids[name], i, j);
      if (value === null) assert.equal(out, null);
      else assert.ok(Math.abs(out - value) <= tolerance * Math.max(1, Math.abs(value)), `${name} ${i} ${j}: ${out}, not ${value}`);
    }));
  }
  assert.deepEqual(Object.keys(unpackedGrids), Object.keys(grids));
  assert.equal(valueAt(undefined, 0, 0), null);
  assert.equal((await unpacked(packed.alike)).values.length, 1);
});
