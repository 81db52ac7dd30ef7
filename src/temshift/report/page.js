"use strict";
(function () {
  const study = JSON.parse(document.getElementById("data").textContent);
  const MISSING = "–";
  const NARROW = 640;
  const BLUE = "#0072B2", ORANGE = "#D55E00", GREY = "#9aa5b1";
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "star", "x", "pentagon"];
  const CONFIG = { displaylogo: false, responsive: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };
  const FONT = { family: "system-ui, 'Segoe UI', Roboto, Arial, sans-serif", size: 13, color: "#1b1f24" };

  const element = (id) => document.getElementById(id);
  const chosen = (id) => Number(element(id).value);
  const narrow = () => element("matrix").clientWidth < NARROW;
  const present = (value) => value !== null && value !== undefined;

  // Plotly reads its labels as a small part of HTML; a name must come out as it is.
  function plain(text) {
    return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }

  function wrapped(text, width) {
    const lines = [""];
    for (const word of String(text).split(" ")) {
      const last = lines[lines.length - 1];
      if (last && last.length + word.length >= width) lines.push(word);
      else lines[lines.length - 1] = last ? last + " " + word : word;
    }
    return lines.map(plain).join("<br>");
  }

  function figure(value, digits) {
    if (!present(value)) return MISSING;
    return Number(value.toPrecision(digits || 3)).toString().replace("-", "−");
  }

  function spread(value, seeds, images) {
    if (!present(value)) return MISSING;
    const parts = [];
    if (present(seeds)) parts.push("± " + figure(seeds, 2) + " over seeds");
    if (present(images)) parts.push("± " + figure(images, 2) + " over images");
    return figure(value) + (parts.length ? " (" + parts.join(", ") + ")" : "");
  }

  function at(key, row, column) {
    return study.cells[key][row][column];
  }

  function cellText(row, column) {
    const value = (key) => at(key, row, column);
    const line = (name, key) => name + " " + spread(value(key), value(key + "_seed_sd"), value(key + "_sd"));
    return [
      "<b>trained on " + plain(study.trainings[row].name) + "</b>",
      "<b>tested on " + plain(study.tests[column].name) + "</b>",
      line("cross-entropy", "cross_entropy"),
      line("F1", "f1"),
      line("IoU", "iou"),
      "accuracy " + figure(value("accuracy")),
      figure(value("networks")) + " networks, " + figure(value("images")) + " images, "
        + figure(value("empty_masks")) + " with an empty mask",
      "sigma " + figure(value("sigma")) + ", epsilon " + figure(value("epsilon_test")) + " bits (training "
        + figure(value("epsilon_training")) + ")",
    ].join("<br>");
  }

  function layout(more) {
    return Object.assign({
      font: FONT, paper_bgcolor: "#fff", plot_bgcolor: "#fff", hovermode: "closest",
      dragmode: narrow() ? false : "zoom",
      hoverlabel: { align: "left", bgcolor: "#fff", bordercolor: "#4a5563", font: { size: 13, color: "#1b1f24" } },
    }, more);
  }

  function axis(title, more) {
    return Object.assign({
      title: { text: title, standoff: 8 }, automargin: true, zeroline: false, gridcolor: "#e3e7ec",
      linecolor: "#4a5563", ticks: "outside", tickcolor: "#4a5563",
    }, more);
  }

  function draw(id, traces, shape) {
    Plotly.react(element(id), traces, layout(shape), CONFIG);
  }

  // ---- the matrix -------------------------------------------------------------------------------------------------

  function transposed(grid) {
    return grid[0].map((_, column) => grid.map((row) => row[column]));
  }

  function colourBar(score, values) {
    const bar = {
      title: { text: score.label + (score.unit ? " (" + score.unit + ")" : ""), side: narrow() ? "top" : "right" },
      thickness: 14, outlinewidth: 0,
    };
    if (narrow()) Object.assign(bar, { orientation: "h", y: 1.01, yanchor: "bottom", x: 0.5, xanchor: "center", len: 1 });
    if (score.lower && values.length) Object.assign(bar, logTicks(Math.min(...values), Math.max(...values)));
    return bar;
  }

  function logTicks(lowest, highest) {
    const steps = highest / lowest < 4 ? [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8] : [1, 2, 3, 5, 7];
    const ticks = [];
    for (let power = Math.floor(Math.log10(lowest)); power <= Math.log10(highest); power += 1) {
      for (const step of steps) ticks.push(step * Math.pow(10, power));
    }
    const kept = ticks.filter((tick) => tick >= lowest && tick <= highest);
    return { tickvals: kept.map(Math.log10), ticktext: kept.map((tick) => figure(tick, 2)) };
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

  function selectedRow() {
    const row = chosen("training");
    return shape({ x0: -0.5, x1: study.tests.length - 0.5, y0: row - 0.5, y1: row + 0.5 }, ORANGE, true);
  }

  function names(items, title, turned) {
    return axis(title, {
      tickvals: items.map((_, i) => i), ticktext: items.map((item) => plain(item.name)), showgrid: false, fixedrange: true,
      tickangle: turned ? -90 : 0, tickfont: { size: 12 }, range: [-0.5, items.length - 0.5],
    });
  }

  function matrixTrace(score) {
    const raw = study.cells[score.key];
    const values = raw.flat().filter(present);
    const shade = raw.map((row) => row.map((value) => (present(value) && score.lower ? Math.log10(value) : value)));
    const text = raw.map((row, y) => row.map((_, x) => cellText(y, x)));
    return {
      type: "heatmap", z: narrow() ? transposed(shade) : shade, text: narrow() ? transposed(text) : text,
      hovertemplate: "%{text}<extra></extra>", colorscale: "Cividis", reversescale: score.lower, xgap: 1, ygap: 1,
      hoverongaps: true, colorbar: colourBar(score, values),
    };
  }

  function drawMatrix() {
    const tests = names(study.tests, narrow() ? "" : "test condition", !narrow());
    const trainings = names(study.trainings, "trained on", narrow());
    tests.range = narrow() ? tests.range.reverse() : tests.range;
    trainings.range = narrow() ? trainings.range : trainings.range.reverse();
    draw("matrix-plot", [matrixTrace(study.scores[chosen("score")])], {
      xaxis: narrow() ? trainings : tests, yaxis: narrow() ? tests : trainings, dragmode: false,
      shapes: [...dividers(), ...frames(), selectedRow()], plot_bgcolor: "#f2f2f2",
      height: narrow() ? 260 + 19 * study.tests.length : 290 + 30 * study.trainings.length,
      margin: { l: 10, r: 10, t: narrow() ? 70 : 12, b: 10 },
    });
  }

  // ---- one row of it as a curve -----------------------------------------------------------------------------------

  function inGroup(group) {
    const own = study.tests.map((_, i) => i).filter((i) => study.tests[i].group === group.key);
    if (group.key === "defocus" || group.key === "several") return own;
    const defocus = new Set(own.map((i) => study.tests[i].values.test_defocus_nm));
    const usual = study.tests.map((_, i) => i).filter((i) => study.tests[i].group === "defocus"
      && defocus.has(study.tests[i].values.test_defocus_nm));
    return own.concat(usual);
  }

  function curveTrace(row, columns, group, score, own) {
    const sorted = columns.slice().sort((a, b) => study.tests[a].values[group.column] - study.tests[b].values[group.column]);
    const over = (key) => sorted.map((column) => at(key, row, column));
    const trace = {
      x: sorted.map((column) => study.tests[column].values[group.column]), y: over(score.key), showlegend: false,
      mode: group.key === "defocus" ? "lines+markers" : "markers", text: sorted.map((column) => cellText(row, column)),
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
      const key = study.tests[column].values.test_defocus_nm;
      parts.set(key, (parts.get(key) || []).concat(column));
    }
    return [...parts.entries()].sort((a, b) => a[0] - b[0]);
  }

  function curveTraces(row, group, score) {
    const columns = inGroup(group);
    const others = study.trainings.map((_, i) => i).filter((i) => i !== row);
    const context = others.map((other) => curveTrace(other, columns, group, score, false));
    if (group.key === "defocus" || group.key === "several") {
      return [...context, curveTrace(row, columns, group, score, true)];
    }
    const own = byDefocus(columns).map(([defocus, part], i) => {
      const trace = curveTrace(row, part, group, score, true);
      trace.marker = { color: BLUE, size: 10, symbol: SYMBOLS[i % SYMBOLS.length] };
      return Object.assign(trace, { name: "at defocus " + figure(defocus) + " nm", showlegend: true });
    });
    return [...context, ...own];
  }

  function trainedBand(row, group) {
    if (group.key !== "defocus") return [];
    const { defocus_nm: centre, defocus_sd_nm: sd } = study.trainings[row];
    return [{ type: "rect", yref: "paper", y0: 0, y1: 1, x0: centre - sd, x1: centre + sd, fillcolor: BLUE, opacity: 0.13,
      line: { width: 0 }, layer: "below" }];
  }

  function drawCurve() {
    const row = chosen("training"), group = study.groups[chosen("axis")], score = study.scores[chosen("score")];
    draw("curve-plot", curveTraces(row, group, score), {
      title: { text: wrapped("Networks trained on " + study.trainings[row].name, narrow() ? 40 : 110), font: { size: 15 },
        x: 0, xref: "paper", xanchor: "left" },
      xaxis: axis(group.label + " [" + group.unit + "]" + (group.key === "defocus" ? ", underfocus positive" : ""),
        { type: group.key === "dose" ? "log" : "linear" }),
      yaxis: axis(score.label + (score.unit ? " (" + score.unit + ")" : ""), { type: score.lower ? "log" : "linear" }),
      shapes: trainedBand(row, group), height: 400, margin: { l: 10, r: 12, t: 48, b: 10 },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 1, xanchor: "right" },
    });
  }

  // ---- transfer functions -----------------------------------------------------------------------------------------

  function line(name, q, values, colour, dash, width, visible) {
    return { x: q, y: values, name: plain(name), mode: "lines", connectgaps: false, line: { color: colour, dash, width },
      visible: visible ? true : "legendonly", hovertemplate: "q %{x:.3f} Å⁻¹, %{y:.3f}" };
  }

  function transferLines(role, name, colour) {
    const curves = study.transfer[role][name];
    if (!curves) return [];
    const q = curves.q_per_A;
    return [
      line("T, particles (" + role + ")", q, curves.particle_transfer, colour, "solid", 2.5, true),
      line("T, substrate (" + role + ")", q, curves.substrate_transfer, colour, "dot", 1.5, false),
      line("rms of T, particles (" + role + ")", q, curves.particle_transfer_rms, colour, "dashdot", 1.5, false),
      line("envelope (" + role + ")", q, curves.envelope, colour, "dash", 1.2, true),
    ];
  }

  function drawTransfer() {
    const row = chosen("transfer-training"), column = chosen("transfer-test");
    const training = study.trainings[row].name, test = study.tests[column].name;
    draw("transfer-plot", [...transferLines("training", training, BLUE), ...transferLines("test", test, ORANGE)], {
      xaxis: axis("spatial frequency q [Å⁻¹]", { rangemode: "tozero" }),
      yaxis: axis("T(q)", { range: [-1.05, 1.05], zeroline: true, zerolinecolor: "#4a5563" }),
      height: narrow() ? 520 : 430, margin: { l: 10, r: 12, t: 10, b: 10 }, hovermode: "x unified",
      legend: narrow() ? { orientation: "h", y: -0.25, yanchor: "top" } : { x: 1.01, y: 1 },
    });
    element("transfer-words").textContent = "Blue: trained on “" + training + "”. Orange: tested on “" + test + "”. sigma "
      + figure(at("sigma", row, column)) + "; epsilon " + figure(at("epsilon_test", row, column)) + " bits under the test condition, "
      + figure(at("epsilon_training", row, column)) + " under the training distribution; cross-entropy "
      + figure(at("cross_entropy", row, column)) + ".";
  }

  // ---- loss explained ---------------------------------------------------------------------------------------------

  function pairs() {
    const only = chosen("pairs") - 1;
    const all = study.trainings.flatMap((_, row) => study.tests.map((__, column) => ({ row, column })));
    return all.filter((pair) => (only < 0 || pair.row === only) && present(at("ln_cross_entropy", pair.row, pair.column)));
  }

  function pairText(pair) {
    const value = (key) => figure(at(key, pair.row, pair.column));
    return ["<b>trained on " + plain(study.trainings[pair.row].name) + "</b>",
      "<b>tested on " + plain(study.tests[pair.column].name) + "</b>",
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

  function range(key) {
    const values = study.cells[key].flat().filter(present);
    return values.length ? { cmin: Math.min(...values), cmax: Math.max(...values) } : {};
  }

  function coloured(found, xKey, colourKey, title) {
    return study.groups.map((group, i) => {
      const own = found.filter((pair) => study.tests[pair.column].group === group.key);
      const marker = Object.assign({
        color: own.map((pair) => at(colourKey, pair.row, pair.column)), colorscale: "Viridis", size: 8, symbol: SYMBOLS[i],
        line: { color: "#1b1f24", width: 0.6 }, showscale: i === 0,
        colorbar: { title: { text: title, side: "right" }, thickness: 12, outlinewidth: 0 },
      }, range(colourKey));
      return points(own, xKey, "ln_cross_entropy", { name: plain(group.label), marker });
    });
  }

  function scatter(id, traces, xTitle, yTitle, more) {
    draw(id, traces, Object.assign({
      xaxis: axis(xTitle), yaxis: axis(yTitle), height: 440, margin: { l: 10, r: 10, t: 12, b: 10 },
      legend: { orientation: "h", y: -0.22, yanchor: "top", x: 0, font: { size: 12 } },
    }, more));
  }

  function fitted(found, xKey) {
    return points(found, xKey, "predicted_ln_cross_entropy", {
      name: "fitted prediction", marker: { symbol: "line-ew-open", size: 9, color: ORANGE, line: { width: 1.5 } },
    });
  }

  function drawPrediction(found) {
    const key = ["left_out_test_prediction", "left_out_training_prediction"][chosen("left-out")];
    const both = found.flatMap((p) => [at(key, p.row, p.column), at("ln_cross_entropy", p.row, p.column)]).filter(present);
    const ends = both.length ? [Math.min(...both), Math.max(...both)] : [0, 1];
    const diagonal = { x: ends, y: ends, mode: "lines", line: { color: "#4a5563", dash: "dash", width: 1.5 },
      name: "measured = predicted", hoverinfo: "skip" };
    const own = coloured(found, key, "sigma", "sigma");
    scatter("prediction-plot", [diagonal, ...own], "ln CE predicted with " + (chosen("left-out") ? "its training distribution" : "its test condition")
      + " left out", "ln CE measured");
  }

  function drawExplained() {
    const found = pairs();
    scatter("sigma-plot", [fitted(found, "sigma"), ...coloured(found, "sigma", "epsilon_test", "epsilon (bits)")], "sigma", "ln CE measured");
    scatter("epsilon-plot", [fitted(found, "epsilon_test"), ...coloured(found, "epsilon_test", "sigma", "sigma")],
      "epsilon of the test condition (bits)", "ln CE measured");
    drawPrediction(found);
  }

  // ---- menus and clicks -------------------------------------------------------------------------------------------

  function drawRow() {
    drawMatrix();
    drawCurve();
  }

  function chooseCell(event) {
    const point = event.points[0];
    const [column, row] = narrow() ? [point.y, point.x] : [point.x, point.y];
    element("training").value = String(row);
    element("transfer-training").value = String(row);
    element("transfer-test").value = String(column);
    drawRow();
    drawTransfer();
  }

  function chooseSpecimen() {
    document.querySelectorAll(".prediction").forEach((block) => {
      block.classList.toggle("chosen", block.dataset.specimen === element("specimen").value);
    });
  }

  function drawAll() {
    drawTransfer();
    drawRow();
    drawExplained();
  }

  function onChange(ids, action) {
    ids.forEach((id) => element(id).addEventListener("change", action));
  }

  function start() {
    document.documentElement.classList.add("scripted");
    chooseSpecimen();
    drawAll();
    onChange(["specimen"], chooseSpecimen);
    onChange(["outlines"], () => document.body.classList.toggle("no-outlines", !element("outlines").checked));
    onChange(["transfer-training", "transfer-test"], drawTransfer);
    onChange(["score", "training"], drawRow);
    onChange(["axis"], drawCurve);
    onChange(["pairs", "left-out"], drawExplained);
    element("matrix-plot").on("plotly_click", chooseCell);
    let width = window.innerWidth, timer = 0;
    window.addEventListener("resize", () => {
      if (window.innerWidth === width) return;
      width = window.innerWidth;
      clearTimeout(timer);
      timer = setTimeout(drawAll, 150);
    });
  }

  start();
})();
