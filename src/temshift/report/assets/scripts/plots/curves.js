import { ends, logarithm, present } from "../pure/numbers.js";
import { figure, plain, wrapped } from "../pure/words.js";
import { roundTicks } from "../pure/ticks.js";
import { scale } from "../pure/colours.js";
import { chosen } from "../state/elements.js";
import { DEFOCUS, at, center, scoreAt, study, tests, trainings, width } from "../state/study.js";
import { cellText } from "../state/facts.js";
import { SYMBOLS, axis, colour, draw, logAxis, narrow, see } from "../state/plotting.js";
import { choice, pageRows, view } from "../state/view.js";

const MOST_CURVES = 60;
const overDefocus = (group) => group.column === DEFOCUS;

function inGroup(group) {
  const own = view.columns.filter((i) => tests[i].group === group.key);
  if (overDefocus(group)) return own;
  const defocus = new Set(own.map((i) => tests[i].values[DEFOCUS]));
  const usual = view.columns.filter((i) => tests[i].group === "defocus_nm" && defocus.has(tests[i].values[DEFOCUS]));
  return own.concat(usual);
}

// Where a column stands on the axis of a group; a missing number, such as that of no aperture, stands beyond the others.
function place(group, column) {
  const value = tests[column].values[group.column];
  return present(value) ? value : group.beyond;
}

const ordered = (group, columns) => columns.slice().sort((a, b) => place(group, a) - place(group, b));

function curveTrace(row, columns, group, score, own) {
  const along = ordered(group, columns);
  const trace = {
    x: along.map((column) => place(group, column)), y: along.map((column) => scoreAt(score, row, column)), showlegend: false,
    mode: group.key === "defocus_nm" || own ? "lines+markers" : "markers", text: along.map((column) => cellText(row, column)),
    hovertemplate: "%{text}<extra></extra>", connectgaps: false,
    line: { color: colour(own ? "first" : "context"), width: own ? 3 : 1.2 },
    marker: { color: colour(own ? "first" : "context"), size: own ? 9 : 5 },
  };
  const seeds = along.map((column) => at(score.key + "_seed_sd", row, column) || 0);
  if (own && seeds.some((sd) => sd > 0)) trace.error_y = { type: "data", array: seeds, color: colour("first"), thickness: 1.5, width: 4 };
  return trace;
}

function byDefocus(columns) {
  const parts = new Map();
  for (const column of columns) {
    const key = tests[column].values[DEFOCUS];
    parts.set(key, (parts.get(key) || []).concat(column));
  }
  return [...parts.entries()].sort((a, b) => a[0] - b[0]);
}

// Predictions that had no part of each test condition, with the ends of their intervals where a study has them.
const PREDICTED = {
  cross_entropy: { key: "left_out_test_prediction", ends: ["left_out_test_lower", "left_out_test_upper"], value: Math.exp },
  f1: { key: "left_out_test_f1", ends: ["left_out_test_f1_lower", "left_out_test_f1_upper"], value: (f1) => f1 },
};

function intervalBars(predicted, row, along, middle) {
  const ends = predicted.ends.map((key) => along.map((column, i) => (present(at(key, row, column)) ? predicted.value(at(key, row, column)) : middle[i])));
  if (!predicted.ends.every((key) => study.grids[key])) return {};
  return { error_y: { type: "data", symmetric: false, arrayminus: ends[0].map((end, i) => middle[i] - end),
    array: ends[1].map((end, i) => end - middle[i]), color: see("second", 0.6), thickness: 1, width: 0 } };
}

function predictedTrace(predicted, row, columns, group, name) {
  const along = ordered(group, columns).filter((column) => present(at(predicted.key, row, column)));
  const middle = along.map((column) => predicted.value(at(predicted.key, row, column)));
  return { x: along.map((column) => place(group, column)), name, showlegend: Boolean(name), legendgroup: "predicted",
    y: middle, mode: "lines+markers", hoverinfo: "skip", ...intervalBars(predicted, row, along, middle),
    line: { color: colour("second"), width: 1.5, dash: "dash" }, marker: { symbol: "line-ew-open", size: 10, color: colour("second"),
      line: { width: 2, color: colour("second") } } };
}

function predictedTraces(row, group, score, parts) {
  const predicted = PREDICTED[score.key];
  if (!predicted || !study.grids[predicted.key]) return [];
  const words = "predicted, its condition left out" + (study.grids[predicted.ends[0]] ? ", with 90 % interval" : "");
  return parts.map((columns, i) => predictedTrace(predicted, row, columns, group, i ? "" : words));
}

function curveTraces(row, group, score) {
  const columns = inGroup(group), parts = overDefocus(group) ? [[null, columns]] : byDefocus(columns);
  const others = pageRows().filter((other) => other !== row).slice(0, MOST_CURVES);
  const context = others.map((other) => curveTrace(other, columns, group, score, false));
  const own = parts.map(([defocus, part], i) => {
    const trace = curveTrace(row, part, group, score, true);
    if (defocus === null) return trace;
    trace.marker = { color: colour("first"), size: 10, symbol: SYMBOLS[i % SYMBOLS.length] };
    return Object.assign(trace, { name: "at defocus " + figure(defocus) + " nm", showlegend: true });
  });
  return [...context, ...own, ...predictedTraces(row, group, score, parts.map(([, part]) => part))];
}

// Plotly takes the ends of a band as they are, even on a logarithmic axis.
function trainedBand(row, group) {
  const middle = center(group.key, row), sd = width(group.key, row);
  if (!present(middle) || !(sd > 0)) return [];
  const start = group.log ? Math.max(middle - sd, middle / 100) : middle - sd;
  return [{ type: "rect", yref: "paper", y0: 0, y1: 1, x0: start, x1: middle + sd, fillcolor: colour("first"), opacity: 0.13,
    line: { width: 0 }, layer: "below" }];
}

function curveAxis(group) {
  const values = inGroup(group).map((i) => tests[i].values[group.column]).filter(present);
  if (!present(group.beyond)) return group.log ? logAxis(group.along, values) : axis(group.along);
  const ticks = group.log ? roundTicks(values, narrow()) : [...new Set(values)].sort((a, b) => a - b);
  return axis(group.along, { type: group.log ? "log" : "linear", tickvals: [...ticks, group.beyond],
    ticktext: [...ticks.map((tick) => figure(tick, 2)), plain(group.absent)] });
}

function scoreAxis(score) {
  const title = wrapped(score.title, 40);
  const shown = ends(pageRows().flatMap((row) => view.columns.map((column) => scoreAt(score, row, column))));
  return scale(score) === logarithm && shown[0] > 0 ? logAxis(title, shown) : axis(title);
}

export function drawCurve() {
  const row = choice.row, group = study.groups[chosen("axis")], score = study.scores[chosen("score")];
  draw("curve-plot", curveTraces(row, group, score), {
    title: { text: wrapped(study.own || "Networks trained on " + trainings[row].name, narrow() ? 40 : 110), font: { size: 15 },
      x: 0, xref: "paper", xanchor: "left" },
    xaxis: curveAxis(group),
    yaxis: scoreAxis(score),
    shapes: trainedBand(row, group), height: 400, margin: { l: 10, r: 12, t: narrow() ? 48 : 64, b: 10 },
    legend: narrow() ? { orientation: "h", y: -0.25, yanchor: "top", x: 0 }
      : { orientation: "h", y: 1.02, yanchor: "bottom", x: 1, xanchor: "right" },
  });
}
