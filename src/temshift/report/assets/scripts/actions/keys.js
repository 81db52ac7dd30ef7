import { narrow } from "../state/plotting.js";
import { choice, pageRows, pageSize, view } from "../state/view.js";
import { choose } from "./choosing.js";
import { openCell } from "./cells.js";

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function target(key) {
  const y = Math.max(0, view.rows.indexOf(choice.row)), x = Math.max(0, view.columns.indexOf(choice.column));
  const last = [view.rows.length - 1, view.columns.length - 1], step = STEPS[key];
  if (step) return narrow() ? [y + step[1], x + step[0]] : [y + step[0], x + step[1]];
  return { Home: [y, 0], End: [y, last[1]], PageUp: [y - pageSize(), x], PageDown: [y + pageSize(), x] }[key];
}

export function matrixKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || !view.rows.length || !view.columns.length) return;
  if (event.key === "Enter" || event.key === " ") openCell();
  else {
    const to = target(event.key);
    if (!to) return;
    const held = (value, all) => all[Math.min(Math.max(value, 0), all.length - 1)];
    choose(held(to[0], view.rows), held(to[1], view.columns));
  }
  event.preventDefault();
}

export function chooseCell(event) {
  const point = event.points[0];
  const [x, y] = narrow() ? [point.y, point.x] : [point.x, point.y];
  choose(pageRows()[y], view.columns[x]);
}
