// ---- the study's numbers ----------------------------------------------------------------------------------------

const element = (id) => document.getElementById(id);
const study = JSON.parse(element("data").textContent);
const MISSING = "–";
const DEFOCUS = "test_defocus_nm";
const present = (value) => value !== null && value !== undefined && !Number.isNaN(value);
const positive = (values) => values.filter((value) => present(value) && value > 0);
const logarithm = (value) => (present(value) && value > 0 ? Math.log10(value) : null);

const trainings = study.trainings.names.map((name, i) => ({ name, words: study.trainings.words[i] }));
const tests = study.tests;
const one = (list, i) => (list ? list[list.length === 1 ? 0 : i] : null);
const center = (key, row) => one(study.trainings.centers[key], row);
const width = (key, row) => one(study.trainings.widths[key], row) || 0;

function bytesOf(text) {
  const binary = atob(text), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// All first bytes of the numbers come before all second ones.
function interleaved(planes, size) {
  const bytes = new Uint8Array(planes.length), count = planes.length / size;
  for (let plane = 0; plane < size; plane += 1) {
    for (let i = 0; i < count; i += 1) bytes[i * size + plane] = planes[plane * count + i];
  }
  return bytes.buffer;
}

async function unpacked(packed) {
  const stream = new Blob([bytesOf(packed.data)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const [rows, columns] = packed.shape;
  if (packed.kind === "float") return { rows, columns, values: new Float32Array(interleaved(planes, 4)) };
  const numbers = new Uint16Array(interleaved(planes, 2)), values = new Float32Array(numbers.length);
  const meaning = meanings(packed, numbers.reduce((highest, n) => Math.max(highest, n), 0));
  for (let i = 0; i < values.length; i += 1) values[i] = meaning[numbers[i]];
  return { rows, columns, values };
}

// What each stored number stands for; 0 is a missing one.
function meanings(packed, highest) {
  const linear = Float64Array.from({ length: highest + 1 }, (_, n) => (n ? packed.lowest + (n - 1) * packed.step : NaN));
  return packed.kind === "logarithm" ? linear.map(Math.exp) : linear;
}

async function unpackAll(packed) {
  const names = Object.keys(packed), grids = await Promise.all(names.map((name) => unpacked(packed[name])));
  return Object.fromEntries(names.map((name, i) => [name, grids[i]]));
}

function of(grid, row, column) {
  if (!grid) return null;
  const value = grid.values[(grid.rows === 1 ? 0 : row) * grid.columns + (grid.columns === 1 ? 0 : column)];
  return present(value) ? value : null;
}

const at = (key, row, column) => of(study.grids[key], row, column);
const near = (row, column) => of(study.nearGrid, row, column) > 0;

// Curves by role and name of a distribution.
const lines = Object.fromEntries(Object.entries(study.transfer.names)
  .map(([role, names]) => [role, new Map(Object.entries(names))]));

async function load() {
  [study.grids, study.curves, study.nearGrid] = await Promise.all([
    unpackAll(study.cells), unpackAll(study.transfer.curves), unpacked(study.near)]);
}

// What a score or a quantity is in a cell, as it is shown.
const ratio = (row, column) => {
  const measured = at("ln_cross_entropy", row, column), predicted = at("left_out_test_prediction", row, column);
  return present(measured) && present(predicted) ? Math.exp(measured - predicted) : null;
};

function scoreAt(score, row, column) {
  if (score.key === "ratio") return ratio(row, column);
  const value = at(score.key, row, column);
  return score.exp && present(value) ? Math.exp(value) : value;
}

// ---- words and numbers ------------------------------------------------------------------------------------------

// Plotly reads its labels as a small part of HTML; a name must come out as it is.
function plain(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function wrapped(text, longest) {
  const lines = [""];
  for (const word of String(text).split(" ")) {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length >= longest) lines.push(word);
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
function labels(items, most) {
  const texts = items.map((item) => item.name), kinds = new Set(texts).size;
  const cut = (longest) => texts.map((text) => shortened(text, longest));
  let longest = most;
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

// The numbers of a cell as pairs of a name and words; those that the study has not are left out.
function cellFacts(row, column) {
  const value = (key) => at(key, row, column);
  const facts = study.scores.filter((score) => score.measured)
    .map((score) => [score.label, spread(value(score.key), value(score.key + "_seed_sd"), value(score.key + "_sd"))]);
  if (present(value("accuracy"))) facts.push(["accuracy", figure(value("accuracy"))]);
  facts.push(["sigma", figure(value("sigma"))]);
  facts.push(["epsilon", figure(value("epsilon_test")) + " bits (training " + figure(value("epsilon_training")) + ")"]);
  study.scores.filter((score) => !score.measured && !score.told && present(scoreAt(score, row, column)))
    .forEach((score) => facts.push([score.label, figure(scoreAt(score, row, column))]));
  return facts;
}

function countWords(row, column) {
  const value = (key) => figure(at(key, row, column));
  return value("networks") + (value("networks") === "1" ? " network, " : " networks, ") + value("images") + " images, "
    + value("empty_masks") + " with an empty mask";
}

function cellText(row, column) {
  return ["<b>trained on " + plain(trainings[row].name) + "</b>: " + plain(trainings[row].words),
    "<b>tested on " + plain(tests[column].name) + "</b>: " + plain(tests[column].words),
    ...cellFacts(row, column).map((pair) => plain(pair.join(" "))), countWords(row, column)].join("<br>");
}
