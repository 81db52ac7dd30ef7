import { ends, logarithm } from "../pure/numbers.js";
import { figure, plain, wrapped } from "../pure/words.js";
import { roundTicks } from "../pure/ticks.js";
import { colours, scale } from "../pure/colours.js";
import { chosen, element } from "../state/elements.js";
import { briefName, near, scoreAt, shortName, study, tests, trainings } from "../state/study.js";
import { cellText } from "../state/facts.js";
import { axis, colour, draw, narrow } from "../state/plotting.js";
import { choice, grouped, pageRows, single, tellPage, view } from "../state/view.js";

const MOST_TOLD = 20000;  // cells that carry their numbers to the pointer
const LETTER = 6.8;  // width of a letter of a group's name [px]

function colourBar(score, values) {
  const bar = { thickness: 14, outlinewidth: 0 };
  if (!narrow()) bar.title = single() ? undefined : { text: wrapped(score.title, 34), side: "right" };
  else Object.assign(bar, { orientation: "h", y: 1, yanchor: "bottom", x: 0.5, xanchor: "center", len: 1, ypad: 4 });
  const [lowest, highest] = ends(values);
  if (scale(score) !== logarithm || !(lowest > 0)) return bar;
  const ticks = roundTicks([lowest, highest], narrow()).filter((tick) => tick >= lowest && tick <= highest);
  return Object.assign(bar, { tickvals: ticks.map(Math.log10), ticktext: ticks.map((tick) => figure(tick, 2)), tickangle: 0 });
}

function transposed(grid) {
  return (grid[0] || []).map((_, column) => grid.map((row) => row[column]));
}

function shape(box, line, wide, dash) {
  const turned = narrow() ? { x0: box.y0, x1: box.y1, y0: box.x0, y1: box.x1 } : box;
  return Object.assign({ type: "rect", line: { color: line, width: wide ? 3 : 2, dash: dash || "solid" }, layer: "above" }, turned);
}

const around = (x, y) => ({ x0: x - 0.5, x1: x + 0.5, y0: y - 0.5, y1: y + 0.5 });

// Dots on test conditions inside the training distribution, seen on any shade.
function dots(rows) {
  const inside = rows.flatMap((row, y) => view.columns.map((column, x) => [x, y, near(row, column)])).filter((each) => each[2]);
  const [x, y] = [inside.map((each) => each[0]), inside.map((each) => each[1])];
  return { type: "scatter", mode: "markers", x: narrow() ? y : x, y: narrow() ? x : y, hoverinfo: "skip", showlegend: false,
    marker: { size: 7, color: "#fff", line: { color: "#000", width: 1.5 } } };
}

function dividers(rows) {
  if (!grouped()) return [];
  const group = (x) => tests[view.columns[x]].group;
  const starts = view.columns.map((_, x) => x).filter((x) => x && group(x) !== group(x - 1));
  return starts.map((x) => shape({ x0: x - 0.5, x1: x - 0.5, y0: -0.5, y1: rows.length - 0.5 }, colour("paper"), true));
}

// Groups of columns that stand side by side, with the room above each [px]; on a narrow screen row names tell them.
function groupsShown() {
  if (narrow() || !grouped()) return [];
  const room = (element("matrix").clientWidth - 380) / view.columns.length;
  return study.groups.map((group) => ({ group, own: view.columns.map((_, x) => x).filter((x) => tests[view.columns[x]].group === group.key) }))
    .filter(({ own }) => own.length)
    .map(({ group, own }) => ({ label: group.label, middle: (own[0] + own[own.length - 1]) / 2, room: room * own.length }))
    .map((each) => ({ ...each, upright: Math.max(...each.label.split(" ").map((word) => word.length)) * LETTER > each.room }));
}

const groupText = (each) => wrapped(each.label, each.upright ? 16 : Math.max(8, each.room / LETTER));

function groupNames() {
  return groupsShown().map((each) => ({ text: groupText(each), x: each.middle, y: 1, yref: "paper", yanchor: "bottom",
    showarrow: false, font: { size: 12 }, textangle: each.upright ? -90 : 0 }));
}

function roomAbove() {
  const heights = groupsShown().map((each) => {
    const lines = groupText(each).split("<br>");
    return each.upright ? LETTER * Math.max(...lines.map((text) => text.length)) : 16 * lines.length;
  });
  return Math.max(narrow() ? 60 : 40, ...heights) + 12;
}

// The chosen row, and within it the chosen cell.
function selected(rows) {
  const y = rows.indexOf(choice.row), x = view.columns.indexOf(choice.column);
  if (y < 0) return [];
  const row = study.own ? [] : [shape({ x0: -0.5, x1: view.columns.length - 0.5, y0: y - 0.5, y1: y + 0.5 }, colour("second"), true)];
  return x < 0 ? row : [...row, shape(around(x, y), "#fff", true), shape(around(x, y), "#000", false, "dot")];
}

function names(items, title, turned) {
  const room = (narrow() ? 500 : element("matrix").clientWidth - 380) / items.length;
  const size = turned ? Math.max(8, Math.min(12, Math.floor(room) - 1)) : items.length > 60 ? 9 : 12;
  const texts = items.length > 200 ? [] : items.map(narrow() ? briefName : shortName);
  return axis(title, {
    tickvals: texts.map((_, i) => i), ticktext: texts.map(plain), showgrid: false, fixedrange: true,
    tickangle: turned ? -90 : 0, tickfont: { size }, range: [-0.5, items.length - 0.5],
  });
}

function* everyScore(score) {
  const log = scale(score) === logarithm;
  for (const row of view.rows) {
    for (const column of view.columns) {
      const value = scoreAt(score, row, column);
      if (!log || value > 0) yield value;
    }
  }
}

const limits = (score) => ends(everyScore(score));

function matrixTrace(score, rows) {
  const shade = rows.map((row) => view.columns.map((column) => scale(score)(scoreAt(score, row, column))));
  const values = limits(score);
  const told = rows.length * view.columns.length <= MOST_TOLD;
  const text = told ? rows.map((row) => view.columns.map((column) => cellText(row, column))) : [];
  return {
    type: "heatmap", z: narrow() ? transposed(shade) : shade, text: narrow() ? transposed(text) : text,
    hovertemplate: told ? "%{text}<extra></extra>" : "%{z:.3f}<extra></extra>", xgap: told ? 1 : 0, ygap: told ? 1 : 0,
    hoverongaps: true, colorbar: colourBar(score, values), ...colours(score, values.map(scale(score))),
  };
}

function matrixHeight(rows) {
  if (narrow()) return 240 + 19 * view.columns.length;
  const longest = Math.max(...view.columns.map((column) => shortName(tests[column]).length));
  return 60 + roomAbove() + 7 * longest + (single() ? 110 : Math.max(240, Math.min(30, 1800 / rows.length + 4) * rows.length));
}

export function shapes(rows) {
  return [...dividers(rows), ...selected(rows)];
}

export function drawMatrix() {
  const rows = pageRows();
  tellPage();
  element("matrix-plot").hidden = !rows.length || !view.columns.length;
  if (element("matrix-plot").hidden) return;
  const across = names(view.columns.map((column) => tests[column]), narrow() ? "" : "test condition", !narrow());
  const down = names(rows.map((row) => trainings[row]), "trained on", narrow());
  across.range = narrow() ? across.range.reverse() : across.range;
  down.range = narrow() ? down.range : down.range.reverse();
  draw("matrix-plot", [matrixTrace(study.scores[chosen("score")], rows), dots(rows)], {
    xaxis: narrow() ? down : across, yaxis: narrow() ? across : down, dragmode: false,
    shapes: shapes(rows), plot_bgcolor: colour("blank"), height: matrixHeight(rows), annotations: groupNames(),
    margin: { l: 10, r: 10, t: roomAbove(), b: 10 },
  });
}
