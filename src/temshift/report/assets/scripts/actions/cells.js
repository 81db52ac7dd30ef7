import { element, make } from "../state/elements.js";
import { study, tests, trainings } from "../state/study.js";
import { cellFacts, countWords } from "../state/facts.js";
import { choice, view } from "../state/view.js";
import { choose } from "./choosing.js";
import { conditionPictures, rowName } from "./pictures.js";

function factList(row, column) {
  return make("dl", { class: "facts" }, ...cellFacts(row, column).map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function fillCell() {
  const { row, column } = choice;
  element("cell-title").textContent = tests[column].name;
  element("cell-body").replaceChildren(make("p", {}, tests[column].words + "."),
    make("h3", { class: "plain" }, study.own ? "Scores" : "Scores of networks trained on " + trainings[row].name),
    factList(row, column), make("p", { class: "small" }, countWords(row, column) + "."),
    ...conditionPictures(tests[column].name, rowName(row)));
}

export function openCell() {
  fillCell();
  if (!element("cell").open) element("cell").showModal();
}

export function stepCell(step) {
  const place = view.columns.indexOf(choice.column) + step;
  if (place < 0 || place >= view.columns.length) return;
  choose(choice.row, view.columns[place]);
  fillCell();
}

export function cellKey(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  stepCell(step);
}
