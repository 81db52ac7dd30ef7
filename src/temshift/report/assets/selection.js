// ---- which rows and columns are shown, and in which order -------------------------------------------------------

const view = { rows: [], columns: [], page: 0 };
const choice = { row: 0, column: 0 };
const single = () => trainings.length === 1;
const grouped = () => element("sort-columns").value === "given" && !element("reverse-columns").checked;
const MOST_OPTIONS = 500;

// Parameters in which one side differs: of test conditions by value, of training distributions by centre.
const SIDES = {
  columns: { items: tests, value: (parameter, i) => tests[i].values[parameter.column] },
  rows: { items: trainings, value: (parameter, i) => center(parameter.key, i) },
};
Object.values(SIDES).forEach((side) => {
  const values = (parameter) => side.items.map((_, i) => side.value(parameter, i));
  side.parameters = study.parameters.filter((parameter) => new Set(values(parameter)).size > 1)
    .map((parameter) => ({ ...parameter, ends: ends(values(parameter)) }));
});

const named = (parameter) => parameter.label + (parameter.unit ? " [" + parameter.unit + "]" : "");

function rangeInput(kind, parameter, end, place) {
  const word = ["at least", "at most"][place];
  return make("input", { type: "number", step: "any", id: kind + "-" + parameter.key + "-" + end, "data-end": end,
    placeholder: figure(parameter.ends[place], 4).replace("−", "-"), "aria-label": named(parameter) + ", " + word });
}

function rangeRow(kind, parameter) {
  return make("div", { class: "range", role: "group", "aria-label": named(parameter), "data-key": parameter.key },
    make("span", {}, named(parameter)), rangeInput(kind, parameter, "from", 0), "to", rangeInput(kind, parameter, "to", 1));
}

function bounds(kind, parameter) {
  return ["from", "to"].map((end) => element(kind + "-" + parameter.key + "-" + end).valueAsNumber);
}

function within(value, [lowest, highest]) {
  if (Number.isNaN(lowest) && Number.isNaN(highest)) return true;
  return present(value) && !(value < lowest) && !(value > highest);
}

// Every word must occur; one behind a minus must not.
function worded(item, words) {
  const text = (item.name + " " + item.words).toLowerCase();
  return words.every((word) => (word.length > 1 && word[0] === "-" ? !text.includes(word.slice(1)) : text.includes(word)));
}

function filtered(kind) {
  const side = SIDES[kind], words = element(kind + "-words").value.toLowerCase().split(/\s+/).filter(Boolean);
  const limits = side.parameters.filter((parameter) => parameter.ends.length)
    .map((parameter) => [parameter, bounds(kind, parameter)]);
  return side.items.map((_, i) => i).filter((i) => worded(side.items[i], words)
    && limits.every(([parameter, limit]) => within(side.value(parameter, i), limit)));
}

function mean(values) {
  const found = values.filter(present);
  return found.length ? found.reduce((sum, value) => sum + value, 0) / found.length : null;
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
  const names = SIDES[kind].items;
  const collate = new Intl.Collator("en", { numeric: true }).compare;
  if (key === "name") return found.slice().sort((a, b) => sign * collate(names[a].name, names[b].name));
  const number = sorter(kind, key, others), keys = new Map(found.map((i) => [i, number(i)]));
  const last = (i) => (present(keys.get(i)) ? 0 : 1);  // a missing number comes last, whichever way
  return found.slice().sort((a, b) => last(a) - last(b) || sign * (keys.get(a) - keys.get(b)) || a - b);
}

function select() {
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

function pageSize() {
  const size = Number(element("page-size").value);
  return narrow() ? Math.min(size, 16) : size;
}

const pages = () => Math.max(1, Math.ceil(view.rows.length / pageSize()));
const pageRows = () => view.rows.slice(view.page * pageSize(), (view.page + 1) * pageSize());

function turnTo(page) {
  view.page = Math.min(Math.max(page, 0), pages() - 1);
}

function tellPage() {
  const first = view.page * pageSize(), several = pages() > 1;
  element("pager").hidden = trainings.length <= 20;
  element("page-words").textContent = several
    ? "rows " + (first + 1) + " to " + Math.min(first + pageSize(), view.rows.length) + " of " + view.rows.length : "all rows shown";
  element("page-before").disabled = view.page === 0;
  element("page-after").disabled = view.page >= pages() - 1;
}

// ---- menus of distributions -------------------------------------------------------------------------------------

// At most some hundred training distributions, of those that the filters let through; the chosen one is always there.
function offered(kept) {
  const few = view.rows.slice(0, MOST_OPTIONS);
  return present(kept) && kept >= 0 && !few.includes(kept) ? [kept, ...few] : few;
}

function offerRows() {
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

function offerFilters() {
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
      ...ranges.map((parameter) => [parameter.key, named(parameter)])], "given");
  });
}

function resetFilters() {
  element("filters").querySelectorAll("input").forEach((input) => {
    if (input.type === "checkbox") input.checked = false;
    else input.value = "";
  });
  ["rows", "columns"].forEach((kind) => { element("sort-" + kind).value = "given"; });
}
