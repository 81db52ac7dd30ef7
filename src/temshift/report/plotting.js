const study = JSON.parse(document.getElementById("data").textContent);
const MISSING = "–";
const DEFOCUS = "test_defocus_nm";
const NARROW = 640;
const BLUE = "#0072B2", ORANGE = "#D55E00", GREY = "#9aa5b1";
const LONGEST = { wide: 34, narrow: 22 };
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "star", "x", "pentagon"];
// plotly.js 4 offers to upload a chart unless it is told not to; nothing of a study may leave this page.
const CONFIG = { displaylogo: false, showSendToCloud: false, plotlyServerURL: "", responsive: false,
  modeBarButtonsToRemove: ["sendChartToCloud", "lasso2d", "select2d", "autoScale2d"] };
const FONT = { family: "system-ui, 'Segoe UI', Roboto, Arial, sans-serif", size: 13, color: "#1b1f24" };

const element = (id) => document.getElementById(id);
const chosen = (id) => Number(element(id).value);
const narrow = () => element("matrix").clientWidth < NARROW;
const present = (value) => value !== null && value !== undefined;
const positive = (values) => values.filter((value) => present(value) && value > 0);
const logarithm = (value) => (present(value) && value > 0 ? Math.log10(value) : null);

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

function shortened(text, longest) {
  if (text.length <= longest) return text;
  const end = Math.floor(longest / 2);  // names of swept studies differ at their ends
  return text.slice(0, longest - 1 - end).trimEnd() + "…" + text.slice(-end).trimStart();
}

// Names cut so far only that those that differ still do.
function labels(items) {
  const texts = items.map((item) => item.name), kinds = new Set(texts).size;
  const cut = (longest) => texts.map((text) => shortened(text, longest));
  let longest = narrow() ? LONGEST.narrow : LONGEST.wide;
  while (new Set(cut(longest)).size < kinds) longest += 4;
  return cut(longest);
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
    "<b>trained on " + plain(study.trainings[row].name) + "</b>: " + plain(study.trainings[row].words),
    "<b>tested on " + plain(study.tests[column].name) + "</b>: " + plain(study.tests[column].words),
    line("cross-entropy", "cross_entropy"),
    line("F1", "f1"),
    line("IoU", "iou"),
    line("calibration error", "calibration_error"),
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

// Ticks at round numbers for a logarithmic axis, so that no axis shows a bare 2, 3, 5.
function roundTicks(values) {
  const lowest = Math.min(...values), highest = Math.max(...values);
  const many = narrow() ? [1, 2, 5] : [1, 2, 3, 5];
  const near = highest / lowest < 2 ? [1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3.2, 3.6, 4, 4.5, 5, 6, 7, 8, 9]
    : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8];
  const steps = highest / lowest < 4 ? near : many;
  const ticks = [];
  for (let power = Math.floor(Math.log10(lowest)); power <= Math.log10(highest) + 1; power += 1) {
    for (const step of steps) ticks.push(Number((step * Math.pow(10, power)).toPrecision(3)));
  }
  return ticks.filter((tick) => tick >= 0.8 * lowest && tick <= 1.25 * highest);
}

function logAxis(title, values) {
  const ticks = values.length ? roundTicks(values) : [];
  return axis(title, { type: "log", tickvals: ticks, ticktext: ticks.map((tick) => figure(tick, 2)) });
}

function draw(id, traces, shape) {
  Plotly.react(element(id), traces, layout(shape), CONFIG);
}
