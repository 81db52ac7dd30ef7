import { present } from "../pure/numbers.js";
import { valueAt, unpackAll, unpacked } from "../pure/packing.js";
import { element } from "./elements.js";

export const study = JSON.parse(element("data").textContent);
export const DEFOCUS = "test_defocus_nm";
export const trainings = study.trainings.names.map((name, i) => ({
  name, words: study.trainings.words[i], short: study.trainings.short[i], brief: study.trainings.brief[i],
}));
export const tests = study.tests;
// A name as axes show it, on a wide and on a narrow screen.
export const shortName = (item) => item.short ?? item.name;
export const briefName = (item) => item.brief ?? item.name;
const one = (list, i) => (list ? list[list.length === 1 ? 0 : i] : null);
export const center = (key, row) => one(study.trainings.centers[key], row);
export const width = (key, row) => one(study.trainings.widths[key], row) || 0;
export const at = (key, row, column) => valueAt(study.grids[key], row, column);
export const near = (row, column) => valueAt(study.nearGrid, row, column) > 0;

// Curves by role and name of a distribution.
export const lines = Object.fromEntries(Object.entries(study.transfer.names)
  .map(([role, names]) => [role, new Map(Object.entries(names))]));

export async function load() {
  [study.grids, study.curves, study.nearGrid] = await Promise.all([
    unpackAll(study.cells), unpackAll(study.transfer.curves), unpacked(study.near)]);
}

// What a score or a quantity is in a cell, as it is shown.
const ratio = (row, column) => {
  const measured = at("ln_cross_entropy", row, column), predicted = at("left_out_test_prediction", row, column);
  return present(measured) && present(predicted) ? Math.exp(measured - predicted) : null;
};

export function scoreAt(score, row, column) {
  if (score.key === "ratio") return ratio(row, column);
  const value = at(score.key, row, column);
  return score.exp && present(value) ? Math.exp(value) : value;
}
