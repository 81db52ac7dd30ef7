import { ends, mean } from "../pure/numbers.js";
import { byName, byNumber, within, worded } from "../pure/filters.js";
import { chosen, element } from "./elements.js";
import { at, scoreAt, study, tests, trainings } from "./study.js";
import { SIDES, choice, view } from "./view.js";
import { offerRows } from "./menus.js";

function bounds(kind, parameter) {
  return ["from", "to"].map((end) => element(kind + "-" + parameter.key + "-" + end).valueAsNumber);
}

function filtered(kind) {
  const side = SIDES[kind], words = element(kind + "-words").value.toLowerCase().split(/\s+/).filter(Boolean);
  const limits = side.parameters.filter((parameter) => parameter.ends.length)
    .map((parameter) => [parameter, bounds(kind, parameter)]);
  return side.items.map((_, i) => i).filter((i) => worded(side.items[i], words)
    && limits.every(([parameter, limit]) => within(side.value(parameter, i), limit)));
}

// The number that each row or column is sorted by.
function sorter(kind, key, others) {
  const score = study.scores[chosen("score")], across = kind === "rows" ? (i, j) => [i, j] : (i, j) => [j, i];
  const other = kind === "rows" ? choice.column : choice.row;
  const plainly = {
    mean: (i) => mean(others.map((j) => scoreAt(score, ...across(i, j)))),
    lowest: (i) => ends(others.map((j) => scoreAt(score, ...across(i, j))))[0],
    highest: (i) => ends(others.map((j) => scoreAt(score, ...across(i, j))))[1],
    chosen: (i) => scoreAt(score, ...across(i, other)),
    sigma: (i) => at("sigma", ...across(i, other)),
  };
  const parameter = SIDES[kind].parameters.find((each) => each.key === key);
  return plainly[key] || ((i) => SIDES[kind].value(parameter, i));
}

function sorted(kind, found, others) {
  const key = element("sort-" + kind).value, sign = element("reverse-" + kind).checked ? -1 : 1;
  if (key === "given") return sign < 0 ? found.slice().reverse() : found;
  return key === "name" ? byName(found, (i) => SIDES[kind].items[i].name, sign) : byNumber(found, sorter(kind, key, others), sign);
}

export function select() {
  const rows = filtered("rows"), columns = filtered("columns");
  view.columns = sorted("columns", columns, rows);
  view.rows = sorted("rows", rows, columns);
  view.page = 0;
  const words = (count, all, noun) => count + " of " + all + " " + noun;
  element("shown").textContent = (study.own ? "" : words(rows.length, trainings.length, "training distributions") + ", ")
    + words(columns.length, tests.length, "test conditions");
  element("nothing").hidden = rows.length > 0 && columns.length > 0;
  offerRows();
}
