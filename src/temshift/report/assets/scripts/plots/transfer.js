import { present } from "../pure/numbers.js";
import { figure, plain } from "../pure/words.js";
import { valueAt } from "../pure/packing.js";
import { alike, bands, total } from "../pure/statistics.js";
import { element } from "../state/elements.js";
import { at, lines, study, tests, trainings } from "../state/study.js";
import { axis, colour, dark, draw, narrow, see } from "../state/plotting.js";

const ROLE_WORDS = { training: "trained on", test: "tested on" };

function distribution(id) {
  const [role, place] = element(id).value.split(":"), index = Number(place);
  const item = (role === "training" ? trainings : tests)[index];
  return { role, index, name: item.name, line: lines[role].get(item.name) };
}

function curve(key, found) {
  const grid = study.curves[key];
  if (!grid || !present(found.line)) return null;
  const length = Math.max(...Object.values(study.curves).map((each) => each.columns));
  return Array.from({ length }, (_, i) => valueAt(grid, found.line, i));
}

function line(name, q, values, paint, dash, wide, visible) {
  return { x: q, y: values, name: plain(name), mode: "lines", connectgaps: false, line: { color: paint, dash, width: wide },
    visible: visible ? true : "legendonly", hovertemplate: "q %{x:.3f} Å⁻¹, %{y:.3f}" };
}

function transferLines(found, letter, paint) {
  const q = curve("q_per_A", found), drawn = (key) => curve(key, found);
  const wanted = [
    ["T, particles", "particle_transfer", "solid", 2.5, true], ["T, substrate", "substrate_transfer", "dot", 1.5, false],
    ["rms of T, particles", "particle_transfer_rms", "dashdot", 1.5, false], ["envelope", "envelope", "dash", 1.2, true]];
  return wanted.filter(([, key]) => drawn(key))
    .map(([name, key, dash, wide, visible]) => line(letter + ": " + name, q, drawn(key), paint, dash, wide, visible));
}

// What the lower figure draws: bits at each frequency, or where a study has not kept them, the power of T.
function density(found) {
  const bits = curve("information_bits", found), rms = curve("particle_transfer_rms", found);
  return bits && bits.some(present) ? bits : rms && rms.map((value) => (present(value) ? value * value : null));
}

const inBits = (found) => (curve("information_bits", found) || []).some(present);

function lostBands(q, before, after) {
  return bands(q, before, after).map(([x0, x1]) => ({ type: "rect", yref: "paper", y0: 0, y1: 1, x0, x1, layer: "below",
    fillcolor: colour("second"), opacity: dark() ? 0.22 : 0.15, line: { width: 0 } }));
}

function filled(name, q, floor, top, paint) {
  const flat = { x: q, yaxis: "y2", mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false };
  return [{ ...flat, y: floor }, { ...flat, y: top, fill: "tonexty", fillcolor: paint, name, showlegend: true }];
}

function densityTraces(q, before, after) {
  const lower = q.map((_, i) => (present(before[i]) && present(after[i]) ? Math.min(before[i], after[i]) : null));
  const onlyOf = (values) => values.map((value, i) => (present(lower[i]) ? value : null));
  const outline = (values, paint) => ({ x: q, y: values, yaxis: "y2", mode: "lines", line: { color: paint, width: 1.5 },
    showlegend: false, hovertemplate: "q %{x:.3f} Å⁻¹, %{y:.3g}<extra></extra>" });
  return [...filled("lost from A to B", q, lower, onlyOf(before), see("second", 0.45)),
    ...filled("new in B", q, lower, onlyOf(after), see("first", 0.35)),
    outline(before, colour("first")), outline(after, colour("second"))];
}

function lossWords(first, second, q, before, after) {
  if (!inBits(first) || !inBits(second)) return "Shaded: less than half of the power of T is left.";
  const kept = q.map((_, i) => Math.min(before[i] || 0, after[i] || 0));
  const had = total(q, before), lost = had - total(q, kept), gained = total(q, after) - total(q, kept);
  const share = had > 0 ? " (" + figure(100 * lost / had, 2) + " %)" : "";
  return "Of the " + figure(had) + " bits a spatial frequency under A, " + figure(lost) + share + " are lost under B, and "
    + figure(gained) + " are new. Shaded: less than half is left.";
}

function pairWords(first, second) {
  const words = (found, letter, paint) => letter + " (" + paint + "): " + ROLE_WORDS[found.role] + " “" + found.name + "”. ";
  const start = (present(first.line) ? words(first, "A", "blue") : "") + words(second, "B", "orange");
  const [row, column] = first.role === "training" ? [first, second] : [second, first];
  if (row.role === column.role || !present(row.line)) return start;
  const value = (key) => figure(at(key, row.index, column.index));
  return start + "sigma " + value("sigma") + "; cross-entropy " + value("cross_entropy") + ". ";
}

export function drawTransfer() {
  const first = distribution("transfer-first"), second = distribution("transfer-second");
  const q = curve("q_per_A", second) || [], before = density(first), after = density(second);
  const both = before && after && alike(q, curve("q_per_A", first));
  const bits = both && inBits(first) && inBits(second);
  draw("transfer-plot", [...transferLines(first, "A", colour("first")), ...transferLines(second, "B", colour("second")),
    ...(both ? densityTraces(q, before, after) : [])], {
    xaxis: axis("spatial frequency q [Å⁻¹]", { rangemode: "tozero", anchor: both ? "y2" : "y" }),
    yaxis: axis("T(q)", { range: [-1.05, 1.05], zeroline: true, zerolinecolor: colour("quiet"), domain: both ? [0.42, 1] : [0, 1] }),
    yaxis2: axis(bits ? "bits" : "T²", { rangemode: "tozero", domain: [0, 0.34], visible: Boolean(both) }),
    shapes: both ? lostBands(q, before, after) : [],
    height: narrow() ? 640 : 540, margin: { l: 10, r: 12, t: 10, b: 10 }, hovermode: "x unified",
    legend: narrow() ? { orientation: "h", y: -0.2, yanchor: "top", traceorder: "normal" } : { x: 1.01, y: 1, traceorder: "normal" },
  });
  element("transfer-words").textContent = pairWords(first, second) + (both ? lossWords(first, second, q, before, after) : "");
}

export function setPair(first, second) {
  [["transfer-first", first], ["transfer-second", second]].forEach(([id, value]) => {
    const menu = element(id), before = menu.value;
    menu.value = value;
    if (!menu.value) menu.value = before;
  });
  drawTransfer();
}

export function swapPair() {
  setPair(element("transfer-second").value, element("transfer-first").value);
}
