import { ends } from "../pure/numbers.js";
import { element } from "./elements.js";
import { center, study, tests, trainings } from "./study.js";
import { narrow } from "./plotting.js";

export const view = { rows: [], columns: [], page: 0 };
export const choice = { row: 0, column: 0 };
export const single = () => trainings.length === 1;
export const grouped = () => element("sort-columns").value === "given" && !element("reverse-columns").checked;

// Parameters in which one side differs: of test conditions by value, of training distributions by centre.
export const SIDES = {
  columns: { items: tests, value: (parameter, i) => tests[i].values[parameter.column] },
  rows: { items: trainings, value: (parameter, i) => center(parameter.key, i) },
};

Object.values(SIDES).forEach((side) => {
  const values = (parameter) => side.items.map((_, i) => side.value(parameter, i));
  side.parameters = study.parameters.filter((parameter) => new Set(values(parameter)).size > 1)
    .map((parameter) => ({ ...parameter, ends: ends(values(parameter)) }));
});

export function pageSize() {
  const size = Number(element("page-size").value);
  return narrow() ? Math.min(size, 16) : size;
}

const pages = () => Math.max(1, Math.ceil(view.rows.length / pageSize()));
export const pageRows = () => view.rows.slice(view.page * pageSize(), (view.page + 1) * pageSize());

export function turnTo(page) {
  view.page = Math.min(Math.max(page, 0), pages() - 1);
}

export function tellPage() {
  const first = view.page * pageSize(), several = pages() > 1;
  element("pager").hidden = trainings.length <= 20;
  element("page-words").textContent = several
    ? "rows " + (first + 1) + " to " + Math.min(first + pageSize(), view.rows.length) + " of " + view.rows.length : "all rows shown";
  element("page-before").disabled = view.page === 0;
  element("page-after").disabled = view.page >= pages() - 1;
}
