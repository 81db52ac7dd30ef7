// ---- the matrix -------------------------------------------------------------------------------------------------

const single = () => study.trainings.length === 1; // one row is too low for a title beside it; the menu names the score

function transposed(grid) {
  return grid[0].map((_, column) => grid.map((row) => row[column]));
}

function colourBar(score, values) {
  const bar = { thickness: 14, outlinewidth: 0 };
  const title = score.label + (score.unit ? " (" + score.unit + ")" : "");
  if (!narrow()) bar.title = single() ? undefined : { text: title, side: "right" };
  else Object.assign(bar, { orientation: "h", y: 1, yanchor: "bottom", x: 0.5, xanchor: "center", len: 1, ypad: 4 });
  if (!score.lower || !values.length) return bar;
  const ticks = roundTicks(values).filter((tick) => tick >= Math.min(...values) && tick <= Math.max(...values));
  return Object.assign(bar, { tickvals: ticks.map(Math.log10), ticktext: ticks.map((tick) => figure(tick, 2)), tickangle: 0 });
}

function shape(box, line, dash) {
  const turned = narrow() ? { x0: box.y0, x1: box.y1, y0: box.x0, y1: box.x1 } : box;
  return Object.assign({ type: "rect", line: { color: line, width: dash ? 3 : 2 }, layer: "above" }, turned);
}

function frames() {
  const found = [];
  study.near.forEach((row, y) => row.forEach((near, x) => {
    if (near) found.push(shape({ x0: x - 0.5, x1: x + 0.5, y0: y - 0.5, y1: y + 0.5 }, "#000"));
  }));
  return found;
}

function dividers() {
  const rows = study.trainings.length;
  const ends = study.tests.map((test, i) => i).filter((i) => i && study.tests[i].group !== study.tests[i - 1].group);
  return ends.map((i) => shape({ x0: i - 0.5, x1: i - 0.5, y0: -0.5, y1: rows - 0.5 }, "#fff", true));
}

// The name of each group above its columns; on a narrow screen the names of the rows tell it.
function groupNames() {
  if (narrow()) return [];
  return study.groups.map((group) => {
    const own = study.tests.map((_, i) => i).filter((i) => study.tests[i].group === group.key);
    const text = wrapped(group.label, Math.max(8, 3.4 * own.length));
    return { text, x: (own[0] + own[own.length - 1]) / 2, y: 1, yref: "paper", yanchor: "bottom", showarrow: false, font: { size: 12 } };
  });
}

function selectedRow() {
  const row = chosen("training");
  return study.own ? [] : [shape({ x0: -0.5, x1: study.tests.length - 0.5, y0: row - 0.5, y1: row + 0.5 }, ORANGE, true)];
}

function names(items, title, turned) {
  return axis(title, {
    tickvals: items.map((_, i) => i), ticktext: labels(items).map(plain), showgrid: false, fixedrange: true,
    tickangle: turned ? -90 : 0, tickfont: { size: 12 }, range: [-0.5, items.length - 0.5],
  });
}

function matrixTrace(score) {
  const raw = study.cells[score.key];
  const values = positive(raw.flat());
  const shade = raw.map((row) => row.map((value) => (score.lower ? logarithm(value) : value)));
  const text = raw.map((row, y) => row.map((_, x) => cellText(y, x)));
  return {
    type: "heatmap", z: narrow() ? transposed(shade) : shade, text: narrow() ? transposed(text) : text,
    hovertemplate: "%{text}<extra></extra>", colorscale: "Cividis", reversescale: score.lower, xgap: 1, ygap: 1,
    hoverongaps: true, colorbar: colourBar(score, values),
  };
}

function matrixHeight() {
  if (narrow()) return 240 + 19 * study.tests.length;
  const longest = Math.max(...labels(study.tests).map((label) => label.length));
  return 100 + 7 * longest + (single() ? 110 : Math.max(240, 30 * study.trainings.length));
}

function drawMatrix() {
  const tests = names(study.tests, narrow() ? "" : "test condition", !narrow());
  const trainings = names(study.trainings, "trained on", narrow());
  tests.range = narrow() ? tests.range.reverse() : tests.range;
  trainings.range = narrow() ? trainings.range : trainings.range.reverse();
  draw("matrix-plot", [matrixTrace(study.scores[chosen("score")])], {
    xaxis: narrow() ? trainings : tests, yaxis: narrow() ? tests : trainings, dragmode: false,
    shapes: [...dividers(), ...frames(), ...selectedRow()], plot_bgcolor: "#f2f2f2",
    height: matrixHeight(), annotations: groupNames(),
    margin: { l: 10, r: 10, t: narrow() ? 60 : 56, b: 10 },
  });
}

// ---- one row of it as a curve -----------------------------------------------------------------------------------

const overDefocus = (group) => group.column === DEFOCUS;

function inGroup(group) {
  const own = study.tests.map((_, i) => i).filter((i) => study.tests[i].group === group.key);
  if (overDefocus(group)) return own;
  const defocus = new Set(own.map((i) => study.tests[i].values[DEFOCUS]));
  const usual = study.tests.map((_, i) => i).filter((i) => study.tests[i].group === "defocus_nm"
    && defocus.has(study.tests[i].values[DEFOCUS]));
  return own.concat(usual);
}

// Where a column stands on the axis of a group; a missing number, such as that of no aperture, stands beyond the others.
function place(group, column) {
  const value = study.tests[column].values[group.column];
  return present(value) ? value : group.beyond;
}

function curveTrace(row, columns, group, score, own) {
  const sorted = columns.slice().sort((a, b) => place(group, a) - place(group, b));
  const over = (key) => sorted.map((column) => at(key, row, column));
  const trace = {
    x: sorted.map((column) => place(group, column)), y: over(score.key), showlegend: false,
    mode: group.key === "defocus_nm" ? "lines+markers" : "markers", text: sorted.map((column) => cellText(row, column)),
    hovertemplate: "%{text}<extra></extra>", connectgaps: false,
    line: { color: own ? BLUE : "#c9d0d8", width: own ? 3 : 1.2 },
    marker: { color: own ? BLUE : "#c9d0d8", size: own ? 9 : 5 },
  };
  if (own) trace.error_y = { type: "data", array: over(score.key + "_seed_sd").map((v) => v || 0), color: BLUE, thickness: 1.5, width: 4 };
  return trace;
}

function byDefocus(columns) {
  const parts = new Map();
  for (const column of columns) {
    const key = study.tests[column].values[DEFOCUS];
    parts.set(key, (parts.get(key) || []).concat(column));
  }
  return [...parts.entries()].sort((a, b) => a[0] - b[0]);
}

function curveTraces(row, group, score) {
  const columns = inGroup(group);
  const others = study.trainings.map((_, i) => i).filter((i) => i !== row);
  const context = others.map((other) => curveTrace(other, columns, group, score, false));
  if (overDefocus(group)) {
    return [...context, curveTrace(row, columns, group, score, true)];
  }
  const own = byDefocus(columns).map(([defocus, part], i) => {
    const trace = curveTrace(row, part, group, score, true);
    trace.marker = { color: BLUE, size: 10, symbol: SYMBOLS[i % SYMBOLS.length] };
    return Object.assign(trace, { name: "at defocus " + figure(defocus) + " nm", showlegend: true });
  });
  return [...context, ...own];
}

// Plotly takes the ends of a band as they are, even on a logarithmic axis.
function trainedBand(row, group) {
  const [centre, sd] = study.trainings[row].spans[group.key] || [null, 0];
  if (!present(centre) || !(sd > 0)) return [];
  const start = group.log ? Math.max(centre - sd, centre / 100) : centre - sd;
  return [{ type: "rect", yref: "paper", y0: 0, y1: 1, x0: start, x1: centre + sd, fillcolor: BLUE, opacity: 0.13,
    line: { width: 0 }, layer: "below" }];
}

function curveAxis(group) {
  const unit = group.unit ? " [" + group.unit + "]" : "";
  const title = group.label + unit + (overDefocus(group) ? ", underfocus positive" : "");
  const values = inGroup(group).map((i) => study.tests[i].values[group.column]).filter(present);
  if (!present(group.beyond)) return group.log ? logAxis(title, values) : axis(title);
  const ticks = group.log ? roundTicks(values) : [...new Set(values)].sort((a, b) => a - b);
  return axis(title, { type: group.log ? "log" : "linear", tickvals: [...ticks, group.beyond],
    ticktext: [...ticks.map((tick) => figure(tick, 2)), plain(group.absent)] });
}

function scoreAxis(score) {
  const values = positive(study.cells[score.key].flat());
  return score.lower ? logAxis(score.label + (score.unit ? " (" + score.unit + ")" : ""), values) : axis(score.label);
}

function drawCurve() {
  const row = chosen("training"), group = study.groups[chosen("axis")], score = study.scores[chosen("score")];
  draw("curve-plot", curveTraces(row, group, score), {
    title: { text: wrapped(study.own || "Networks trained on " + study.trainings[row].name, narrow() ? 40 : 110), font: { size: 15 },
      x: 0, xref: "paper", xanchor: "left" },
    xaxis: curveAxis(group),
    yaxis: scoreAxis(score),
    shapes: trainedBand(row, group), height: 400, margin: { l: 10, r: 12, t: 48, b: 10 },
    legend: narrow() ? { orientation: "h", y: -0.25, yanchor: "top", x: 0 }
      : { orientation: "h", y: 1.02, yanchor: "bottom", x: 1, xanchor: "right" },
  });
}
