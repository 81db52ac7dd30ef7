import assert from "node:assert/strict";
import test from "node:test";
import { MISSING, asWritten, figure, plain, spread, wrapped } from "../../../src/temshift/report/assets/scripts/pure/words.js";

test("figures have three digits, a minus sign of their own, and no idle zeros", () => {
  assert.deepEqual([0.123456, 1234.4, -0.5, 0, 0.1 + 0.2].map((value) => figure(value)), ["0.123", "1230", "−0.5", "0", "0.3"]);
  assert.equal(figure(0.98765, 2), "0.99");
  assert.deepEqual([null, undefined, NaN].map((value) => figure(value)), [MISSING, MISSING, MISSING]);
});

test("a spread names only what it is over", () => {
  assert.equal(spread(0.25, 0.014, 0.2), "0.25 (± 0.014 over seeds, ± 0.2 over images)");
  assert.equal(spread(0.25, null, NaN), "0.25");
  assert.equal(spread(null, 1, 1), MISSING);
});

test("a name stays a name where Plotly reads HTML", () => {
  assert.equal(plain("<script>&lt;\"'"), "&lt;script&gt;&amp;lt;\"'");
  assert.equal(wrapped("a <b> c", 4), "a<br>&lt;b&gt;<br>c");
});

test("lines break between words alone", () => {
  assert.equal(wrapped("one two three", 8), "one two<br>three");
  assert.equal(wrapped("unbreakable", 3), "unbreakable");
});

test("tables are saved as numbers that other programs read", () => {
  assert.deepEqual([" −0.5 ", MISSING, "defocus − dose", "−20 ± −3"].map(asWritten), ["-0.5", "", "defocus − dose", "-20 ± -3"]);
});
