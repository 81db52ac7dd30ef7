import { present } from "../pure/numbers.js";
import { figure, plain, spread } from "../pure/words.js";
import { at, scoreAt, study, tests, trainings } from "./study.js";

// The numbers of a cell as pairs of a name and words; those that the study has not are left out.
export function cellFacts(row, column) {
  const value = (key) => at(key, row, column);
  const facts = study.scores.filter((score) => score.measured)
    .map((score) => [score.label, spread(value(score.key), value(score.key + "_seed_sd"), value(score.key + "_sd"))]);
  if (present(value("accuracy"))) facts.push(["accuracy", figure(value("accuracy"))]);
  facts.push(["sigma", figure(value("sigma"))]);
  facts.push(["epsilon", figure(value("epsilon_test")) + " bits (training " + figure(value("epsilon_training")) + ")"]);
  study.scores.filter((score) => !score.measured && !score.told && present(scoreAt(score, row, column)))
    .forEach((score) => facts.push([score.label, figure(scoreAt(score, row, column))]));
  return facts;
}

export function countWords(row, column) {
  const value = (key) => figure(at(key, row, column));
  return value("networks") + (value("networks") === "1" ? " network, " : " networks, ") + value("images") + " images, "
    + value("empty_masks") + " with an empty mask";
}

export function cellText(row, column) {
  return ["<b>trained on " + plain(trainings[row].name) + "</b>: " + plain(trainings[row].words),
    "<b>tested on " + plain(tests[column].name) + "</b>: " + plain(tests[column].words),
    ...cellFacts(row, column).map((pair) => plain(pair.join(" "))), countWords(row, column)].join("<br>");
}
