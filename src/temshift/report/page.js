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

function transferWords(training, test, value) {
  const tested = "Orange: tested on “" + test + "”. ", epsilon = "epsilon " + value("epsilon_test") + " bits under the test condition";
  const loss = "; cross-entropy " + value("cross_entropy") + ".";
  if (!study.transfer.training[training]) return tested + epsilon + loss;
  return "Blue: trained on “" + training + "”. " + tested + "sigma " + value("sigma") + "; " + epsilon + ", "
    + value("epsilon_training") + " under the training distribution" + loss;
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
  element("transfer-words").textContent = transferWords(training, test, (key) => figure(at(key, row, column)));
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

const symbol = (i) => SYMBOLS[i % SYMBOLS.length];

function coloured(found, xKey, colourKey, title) {
  return study.groups.map((group, i) => {
    const own = found.filter((pair) => study.tests[pair.column].group === group.key);
    const outlined = { size: 8, symbol: symbol(i), line: { color: "#1b1f24", width: 0.6 } }, limits = range(colourKey);
    const marker = !present(limits.cmin) ? Object.assign(outlined, { color: BLUE }) : Object.assign(outlined, {
      color: own.map((pair) => at(colourKey, pair.row, pair.column)), colorscale: "Viridis", showscale: i === 0,
      colorbar: { title: { text: title, side: "right" }, thickness: 12, outlinewidth: 0 },
    }, limits);
    return points(own, xKey, "ln_cross_entropy", { name: plain(group.label), legendgroup: group.key, showlegend: false, marker });
  });
}

// Grey stand-ins, so that the legend's symbols don't carry the colour of some one point.
function symbols() {
  return study.groups.map((group, i) => ({ type: "scatter", mode: "markers", x: [null], y: [null], name: plain(group.label),
    legendgroup: group.key, marker: { color: GREY, size: 8, symbol: symbol(i), line: { color: "#1b1f24", width: 0.6 } } }));
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
  scatter("prediction-plot", [diagonal, ...own, ...symbols()], "ln CE predicted, left out", "ln CE measured");
}

function drawExplained() {
  const found = pairs();
  scatter("sigma-plot", [fitted(found, "sigma"), ...coloured(found, "sigma", "epsilon_test", "epsilon (bits)"), ...symbols()], "sigma", "ln CE measured");
  scatter("epsilon-plot", [fitted(found, "epsilon_test"), ...coloured(found, "epsilon_test", "sigma", "sigma"), ...symbols()],
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
