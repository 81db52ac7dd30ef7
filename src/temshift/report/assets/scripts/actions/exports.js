import { digits } from "../pure/numbers.js";
import { asWritten } from "../pure/words.js";
import { csvText } from "../pure/csv.js";
import { make } from "../state/elements.js";
import { at, study, tests, trainings } from "../state/study.js";

// The mark at the beginning tells spreadsheets that the text is UTF-8.
function saveText(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function tableRows(table) {
  return [...table.rows].map((row) => [...row.cells].map((cell) => asWritten(cell.textContent)));
}

function unescaped(text) {
  return new DOMParser().parseFromString(String(text), "text/html").documentElement.textContent;
}

function tracePoints(trace) {
  const bars = trace.error_y && trace.error_y.array ? trace.error_y : {};
  return Array.from(trace.x || [], (x, i) => [unescaped(trace.name || ""), x, trace.y[i],
    bars.array ? bars.array[i] : null, bars.arrayminus ? bars.arrayminus[i] : bars.array ? bars.array[i] : null])
    .filter((row) => row[1] !== null && row[1] !== undefined);
}

const titleOf = (shape, fallback) => (shape && shape.title && shape.title.text ? unescaped(shape.title.text) : fallback);

function plotRows(plot) {
  const heat = plot.data.find((trace) => trace.type === "heatmap");
  if (heat) return cellRows();
  const head = ["curve", titleOf(plot.layout.xaxis, "x"), titleOf(plot.layout.yaxis, "y"), "error above", "error below"];
  return [head, ...plot.data.filter((trace) => trace.visible !== "legendonly").flatMap(tracePoints)];
}

// Every number of every cell: a row a pair of training distribution and test condition.
function cellRows() {
  const keys = Object.keys(study.grids), head = ["training_name", "test_name", ...keys];
  return [head, ...trainings.flatMap((training, row) => tests.map((test, column) =>
    [training.name, test.name, ...keys.map((key) => digits(at(key, row, column)))]))];
}

function exportButton(words, hint, action) {
  const button = make("button", { type: "button", title: hint }, words);
  button.addEventListener("click", action);
  return button;
}

function exportButtons(...buttons) {
  return make("p", { class: "exports" }, ...buttons);
}

function headingOf(node) {
  const section = node.closest("section"), parts = [...section.querySelectorAll("h2, h3, summary")];
  const before = parts.filter((part) => part.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING);
  const last = before[before.length - 1];
  return (section.id + "-" + (last ? last.textContent : "")).toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 48).replace(/-$/, "");
}

const fileNames = new Set();

// No two downloads share a name.
function fileName(words) {
  let name = words + ".csv";
  for (let number = 2; fileNames.has(name); number += 1) name = words + "-" + number + ".csv";
  fileNames.add(name);
  return name;
}

function savePlot(plot, format) {
  return () => Plotly.downloadImage(plot, { format, filename: plot.id, width: plot.clientWidth, height: plot.clientHeight, scale: format === "png" ? 2 : 1 });
}

export function addExports() {
  document.querySelectorAll("main section table:not(.sheet)").forEach((table) => {
    const name = fileName(table.dataset.file || headingOf(table));
    const save = () => saveText(name, csvText(tableRows(table)));
    table.parentElement.before(exportButtons(exportButton("CSV", "Download this table as CSV", save)));
  });
  document.querySelectorAll("main .plot").forEach((plot) => {
    const csv = () => saveText(plot.id + ".csv", csvText(plotRows(plot)));
    plot.after(exportButtons(
      exportButton("PNG", "Download this figure as PNG", savePlot(plot, "png")),
      exportButton("SVG", "Download this figure as SVG", savePlot(plot, "svg")),
      exportButton("CSV", "Download the numbers of this figure as CSV", csv)));
  });
}
