// ---- a cell with its micrographs --------------------------------------------------------------------------------

// Pictures by test condition, and by training distribution and test condition: each an address, or an object with an
// address "src" and words "alt" that stand under it.
const pictures = JSON.parse(element("pictures").textContent);

function tile(picture) {
  const { src, alt } = typeof picture === "string" ? { src: picture, alt: "" } : picture;
  return make("figure", {}, make("img", { src, alt: alt || "micrograph", loading: "lazy" }), make("figcaption", {}, alt || ""));
}

function gallery(title, found) {
  if (!found || !found.length) return [];
  return [make("h3", { class: "plain" }, title), make("div", { class: "gallery" }, ...found.map(tile))];
}

const own = (things, name) => (things && Object.hasOwn(things, name) ? things[name] : null);

function ofPair(row, column) {
  return own(own(pictures.networks, trainings[row].name), tests[column].name);
}

function factList(row, column) {
  return make("dl", { class: "facts" }, ...cellFacts(row, column).map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function fillCell() {
  const { row, column } = choice;
  const seen = own(pictures.conditions, tests[column].name);
  element("cell-title").textContent = tests[column].name;
  element("cell-body").replaceChildren(make("p", {}, tests[column].words + "."),
    ...gallery("Micrographs", seen), ...(seen ? [] : [make("p", { class: "note" }, "No micrographs of this condition were kept.")]),
    ...gallery("Predictions of networks trained on " + trainings[row].name, ofPair(row, column)),
    make("h3", { class: "plain" }, study.own ? "Scores" : "Scores of networks trained on " + trainings[row].name),
    factList(row, column), make("p", { class: "small" }, countWords(row, column) + "."));
}

function openCell() {
  fillCell();
  if (!element("cell").open) element("cell").showModal();
}

function stepCell(step) {
  const place = view.columns.indexOf(choice.column) + step;
  if (place < 0 || place >= view.columns.length) return;
  choose(choice.row, view.columns[place]);
  fillCell();
}

function cellKey(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  stepCell(step);
}
