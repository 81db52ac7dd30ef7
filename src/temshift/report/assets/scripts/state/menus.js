import { present } from "../pure/numbers.js";
import { figure } from "../pure/words.js";
import { chosen, element, fill, make } from "./elements.js";
import { lines, study, tests, trainings } from "./study.js";
import { SIDES, choice, view } from "./view.js";

const MOST_OPTIONS = 500;

function rangeInput(kind, parameter, end, place) {
  const word = ["at least", "at most"][place];
  return make("input", { type: "number", step: "any", id: kind + "-" + parameter.key + "-" + end, "data-end": end,
    placeholder: figure(parameter.ends[place], 4).replace("−", "-"), "aria-label": parameter.title + ", " + word });
}

function rangeRow(kind, parameter) {
  return make("div", { class: "range", role: "group", "aria-label": parameter.title, "data-key": parameter.key },
    make("span", {}, parameter.title), rangeInput(kind, parameter, "from", 0), "to", rangeInput(kind, parameter, "to", 1));
}

// At most some hundred training distributions, of those that the filters let through; the chosen one is always there.
function offered(kept) {
  const few = view.rows.slice(0, MOST_OPTIONS);
  return present(kept) && kept >= 0 && !few.includes(kept) ? [kept, ...few] : few;
}

export function offerRows() {
  const only = element("pairs").value === "" ? -1 : chosen("pairs");
  fill(element("training"), offered(choice.row).map((row) => [row, trainings[row].name]), choice.row);
  fill(element("pairs"), [[-1, "all that are shown"], ...offered(only).map((row) => [row, trainings[row].name])], only);
  ["transfer-first", "transfer-second"].forEach(offerDistributions);
}

function distributions(role, items) {
  return items.filter(([, name]) => lines[role].has(name))
    .map(([i, name]) => make("option", { value: role + ":" + i }, name));
}

function offerDistributions(id) {
  const menu = element(id), kept = menu.value || (id === "transfer-first" ? "training:0" : "test:0");
  const [role, place] = kept.split(":");
  const rows = offered(role === "training" ? Number(place) : null).map((row) => [row, trainings[row].name]);
  const groups = [["training distributions", distributions("training", rows)],
    ["test conditions", distributions("test", tests.map((test, i) => [i, test.name]))]];
  menu.replaceChildren(...groups.filter(([, options]) => options.length)
    .map(([label, options]) => make("optgroup", { label }, ...options)));
  menu.value = kept;
  if (!menu.value && menu.options.length) menu.selectedIndex = id === "transfer-first" ? 0 : menu.options.length - 1;
}

export function offerFilters() {
  const score = [["given", "group and value"], ["name", "name"], ["mean", "mean of the score"], ["lowest", "lowest score"],
    ["highest", "highest score"]];
  const chosenWords = { rows: "under the chosen test condition", columns: "of the chosen row" };
  const sigmaWords = { rows: "sigma with the chosen test condition", columns: "sigma with the chosen row" };
  Object.entries(SIDES).forEach(([kind, side]) => {
    const ranges = side.parameters.filter((parameter) => parameter.ends.length && !parameter.azimuth);
    side.parameters = ranges;
    element(kind + "-ranges").append(...ranges.map((parameter) => rangeRow(kind, parameter)));
    const sigma = study.grids.sigma ? [["sigma", sigmaWords[kind]]] : [];
    fill(element("sort-" + kind), [...score, ["chosen", "score " + chosenWords[kind]], ...sigma,
      ...ranges.map((parameter) => [parameter.key, parameter.title])], "given");
  });
}

export function resetFilters() {
  element("filters").querySelectorAll("input").forEach((input) => {
    if (input.type === "checkbox") input.checked = false;
    else input.value = "";
  });
  ["rows", "columns"].forEach((kind) => { element("sort-" + kind).value = "given"; });
}
