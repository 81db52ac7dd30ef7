import { element } from "../state/elements.js";
import { study, tests, trainings } from "../state/study.js";
import { cellFacts } from "../state/facts.js";
import { choice, pageRows, pageSize, turnTo, view } from "../state/view.js";
import { offerRows } from "../state/menus.js";
import { drawMatrix, shapes } from "../plots/matrix.js";
import { drawCurve } from "../plots/curves.js";
import { setPair } from "../plots/transfer.js";

export function tellCell() {
  const { row, column } = choice;
  element("cell-names").textContent = (study.own ? "" : "Trained on “" + trainings[row].name + "”, tested on ")
    + "“" + tests[column].name + "”";
  element("cell-words").textContent = (study.own ? "" : trainings[row].words + " → ") + tests[column].words + ". "
    + cellFacts(row, column).slice(0, 6).map((pair) => pair.join(" ")).join("; ") + ".";
}

export function choose(row, column) {
  const moved = row !== choice.row;
  Object.assign(choice, { row, column });
  const page = Math.floor(view.rows.indexOf(row) / pageSize());
  const turned = page >= 0 && page !== view.page;
  if (turned) turnTo(page);
  if (turned) drawMatrix();
  else if (!element("matrix-plot").hidden) Plotly.relayout(element("matrix-plot"), { shapes: shapes(pageRows()) });
  tellCell();
  if (moved) offerRows();
  clearTimeout(choose.timer);
  choose.timer = setTimeout(() => followChoice(moved), 120);  // arrow keys may be held down
}

function followChoice(moved) {
  if (moved) drawCurve();
  setPair("training:" + choice.row, "test:" + choice.column);
}
