import { ends, even, positive, present, quantile } from "../pure/numbers.js";
import { figure, plain } from "../pure/words.js";
import { viridis } from "../pure/colours.js";
import { PER_BIN, binned } from "../pure/statistics.js";
import { chosen, element, fill } from "../state/elements.js";
import { at, study, tests, trainings } from "../state/study.js";
import { SYMBOLS, axis, colour, dark, draw, logAxis, see } from "../state/plotting.js";
import { view } from "../state/view.js";

const MANY_POINTS = 3000;
const FEWER_POINTS = 1500;  // are drawn of more than many
const CROWD = 800;
const MOST_PAIRS = 40000;

// Pairs that are shown and have a loss; of very many an even choice.
function pairs() {
  const only = chosen("pairs"), rows = only < 0 ? view.rows : [only], columns = view.columns.length;
  return even(rows.length * columns, MOST_PAIRS, columns)
    .map((k) => ({ row: rows[Math.floor(k / columns)], column: view.columns[k % columns] }))
    .filter((pair) => present(at("ln_cross_entropy", pair.row, pair.column)));
}

function thinned(found) {
  return found.length > MANY_POINTS ? even(found.length, FEWER_POINTS, view.columns.length).map((k) => found[k]) : found;
}

function pairText(pair) {
  const value = (key) => figure(at(key, pair.row, pair.column));
  return ["<b>trained on " + plain(trainings[pair.row].name) + "</b>",
    "<b>tested on " + plain(tests[pair.column].name) + "</b>",
    "ln CE " + value("ln_cross_entropy") + " (± " + value("ln_cross_entropy_sd") + " over seeds), fitted "
      + value("predicted_ln_cross_entropy"),
    "left out: test " + value("left_out_test_prediction") + ", training " + value("left_out_training_prediction"),
    "sigma " + value("sigma") + ", epsilon " + value("epsilon_test") + " bits"].join("<br>");
}

function points(found, xKey, yKey, more) {
  return Object.assign({
    type: "scatter", mode: "markers", x: found.map((p) => at(xKey, p.row, p.column)),
    y: found.map((p) => at(yKey, p.row, p.column)), text: found.map(pairText), hovertemplate: "%{text}<extra></extra>",
  }, more);
}

const short = (group) => plain(group.label.split(";")[0]);
const symbol = (i) => SYMBOLS[i % SYMBOLS.length];
const rim = (count) => ({ color: colour("ink"), width: count > CROWD ? 0 : 0.6 });

function bars(own) {
  const seeds = own.map((pair) => at("ln_cross_entropy_sd", pair.row, pair.column) || 0);
  return element("bars").checked && seeds.some((sd) => sd > 0)
    ? { error_y: { type: "data", array: seeds, color: colour("quiet"), thickness: 1, width: 0 } } : {};
}

function coloured(found, xKey, colourKey, title) {
  const [cmin, cmax] = ends(found.map((pair) => at(colourKey, pair.row, pair.column)));
  return study.groups.map((group, i) => {
    const own = found.filter((pair) => tests[pair.column].group === group.key);
    const crowded = found.length > CROWD;
    const outlined = { size: crowded ? 5 : 8, symbol: symbol(i), line: rim(found.length), opacity: crowded ? 0.6 : 0.85 };
    const marker = !present(cmin) ? Object.assign(outlined, { color: colour("first") }) : Object.assign(outlined, {
      color: own.map((pair) => at(colourKey, pair.row, pair.column)), colorscale: viridis(dark()), showscale: i === 0, cmin, cmax,
      colorbar: { title: { text: title, side: "right" }, thickness: 12, outlinewidth: 0 },
    });
    return points(own, xKey, "ln_cross_entropy", { name: short(group), legendgroup: group.key, showlegend: false, marker, ...bars(own) });
  });
}

// Grey stand-ins, so that the legend's symbols don't carry the colour of some one point.
function symbols() {
  return study.groups.map((group, i) => ({ type: "scatter", mode: "markers", x: [null], y: [null], name: short(group),
    legendgroup: group.key, marker: { color: colour("faint"), size: 8, symbol: symbol(i), line: rim(0) } }));
}

function scatter(id, traces, xAxis, yTitle) {
  draw(id, traces, {
    xaxis: xAxis, yaxis: axis(yTitle), height: 420 + 20 * study.groups.length, margin: { l: 10, r: 10, t: 12, b: 10 },
    legend: { orientation: "h", y: -0.18, yanchor: "top", x: 0, font: { size: 12 }, traceorder: "normal" },
  });
}

function band(bins) {
  if (bins.length < 2) return [];
  const x = bins.map((bin) => bin.x), flat = { x, mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
  return [{ ...flat, y: bins.map((bin) => bin.low), showlegend: false },
    { ...flat, y: bins.map((bin) => bin.high), fill: "tonexty", fillcolor: see("first", 0.2), name: "middle 90 % of pairs" },
    { x, y: bins.map((bin) => bin.middle), mode: "lines", line: { color: colour("ink"), width: 3 }, name: "median", hoverinfo: "skip" }];
}

function fitted(found, xKey) {
  if (!element("fitted").checked) return [];
  return [points(found, xKey, "predicted_ln_cross_entropy", {
    name: "fitted prediction", marker: { symbol: "line-ew-open", size: 9, color: colour("second"), line: { width: 1.5 } },
  })];
}

export function drawExplained() {
  const every = pairs(), found = thinned(every), against = study.predictors[chosen("against")];
  const all = (chosen("pairs") < 0 ? view.rows.length : 1) * view.columns.length;
  element("bars-note").textContent = found.length < every.length
    ? found.length + " of " + all + " pairs are drawn, chosen evenly; the median and its band are of " + every.length + "." : "";
  const [key, title] = against.key === "epsilon_test" ? ["sigma", "sigma"] : ["epsilon_test", "epsilon (bits)"];
  const values = positive(found.map((p) => at(against.key, p.row, p.column)));
  scatter("sigma-plot", [...coloured(found, against.key, key, title), ...fitted(found, against.key), ...symbols(), ...band(binned(every.map((p) => [at(against.key, p.row, p.column), at("ln_cross_entropy", p.row, p.column)])))], against.log ? logAxis(against.title, ends(values)) : axis(against.title), "ln CE measured");
  drawPrediction(every, found);
}

const LEFT_OUT = { left_out_test_prediction: "a test condition left out", left_out_training_prediction: "a training distribution left out",
  left_out_both_prediction: "both left out" };

export function offerLeftOut() {
  const found = Object.entries(LEFT_OUT).filter(([key]) => study.grids[key]);
  fill(element("left-out"), found.length ? found : [["left_out_test_prediction", "nothing: there is no prediction"]]);
}

// The interval that the study predicts, where it has one; else the middle 90 % of what left-out predictions missed by.
function interval(key, every) {
  const stem = key.replace("_prediction", "");
  if (study.grids[stem + "_lower"] && study.grids[stem + "_upper"]) {
    const known = every.filter((p) => present(at(key, p.row, p.column)) && present(at(stem + "_lower", p.row, p.column)));
    const sides = ["_lower", "_upper"].map((end) => known.map((p) => at(stem + end, p.row, p.column) - at(key, p.row, p.column)).sort((a, b) => a - b));
    if (known.length) return { sides: sides.map((side) => quantile(side, 0.5)), name: "predicted 90 % interval, typical" };
  }
  const missed = every.map((p) => [at(key, p.row, p.column), at("ln_cross_entropy", p.row, p.column)])
    .filter(([predicted]) => present(predicted)).map(([predicted, measured]) => measured - predicted).sort((a, b) => a - b);
  return missed.length < PER_BIN ? null : { sides: [quantile(missed, 0.05), quantile(missed, 0.95)], name: "middle 90 % of the errors" };
}

function around45(both, found) {
  if (!found) return [];
  const flat = { x: both, mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
  return [{ ...flat, y: both.map((x) => x + found.sides[0]), showlegend: false },
    { ...flat, y: both.map((x) => x + found.sides[1]), fill: "tonexty", fillcolor: see("first", 0.16), name: found.name }];
}

function drawPrediction(every, found) {
  const key = element("left-out").value;
  const both = ends(found.flatMap((p) => [at(key, p.row, p.column), at("ln_cross_entropy", p.row, p.column)]));
  const line45 = both.length ? both : [0, 1];
  const diagonal = { x: line45, y: line45, mode: "lines", line: { color: colour("quiet"), dash: "dash", width: 1.5 },
    name: "measured = predicted", hoverinfo: "skip" };
  scatter("prediction-plot", [...coloured(found, key, "sigma", "sigma"), ...symbols(), ...around45(line45, interval(key, every)), diagonal],
    axis("ln CE predicted, left out"), "ln CE measured");
}
