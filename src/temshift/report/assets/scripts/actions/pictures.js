import { present } from "../pure/numbers.js";
import { MISSING } from "../pure/words.js";
import { bytesOf } from "../pure/packing.js";
import { element, make } from "../state/elements.js";
import { study, trainings } from "../state/study.js";

// "sets", one a kind of specimens; outlines, in tenths of a pixel, are named by their number.
export const galleries = JSON.parse(element("pictures").textContent);

export async function loadPictures() {
  const stream = new Blob([bytesOf(galleries.outlines)]).stream().pipeThrough(new DecompressionStream("deflate"));
  galleries.outlines = (await new Response(stream).text()).split("\n");
}

const SVG = "http://www.w3.org/2000/svg";
const pictured = (name) => galleries.sets.flatMap((set) => set.conditions.filter((entry) => entry.name === name).map((entry) => [set, entry]));
export const rowName = (row) => study.own || trainings[row].name;
export const picturedNetworks = () => trainings.map((_, row) => rowName(row)).filter((name) => galleries.sets.some((set) => set.networks.includes(name)));

function drawn(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
  node.append(...children);
  return node;
}

function outlineOf(kind, number) {
  const path = galleries.outlines[number];
  return path ? [drawn("path", { class: "outline " + kind, d: path, transform: "scale(0.1)" })] : [];
}

// One micrograph with outlines over it; the words are what a reader hears and what a pointer shows.
function pictureTile(set, entry, specimen, network, words) {
  const href = "data:" + set.kind + ";base64," + entry.pictures[specimen];
  return drawn("svg", { class: "tile", viewBox: "0 0 " + set.width + " " + set.height, role: "img" },
    drawn("title", {}, words), drawn("image", { width: set.width, height: set.height, href }),
    ...outlineOf("truth", entry.truth[specimen]),
    ...(network < 0 ? [] : outlineOf("predicted", entry.predicted[network][specimen])), drawn("rect", { class: "bar", ...set.bar }));
}

function pictureCell(set, entry, specimen, network) {
  const overlap = network < 0 ? "" : "IoU " + (present(entry.overlaps[network][specimen]) ? entry.overlaps[network][specimen].toFixed(2) : MISSING);
  const words = [set.specimens[specimen], entry.name, network < 0 ? "" : set.networks[network], overlap].filter(Boolean).join(", ");
  return make("td", {}, pictureTile(set, entry, specimen, network, words), make("span", { class: "note" }, overlap));
}

export function pictureRow(set, entry, network, heading) {
  return make("tr", {}, make("th", { scope: "row" }, heading), ...set.specimens.map((_, specimen) => pictureCell(set, entry, specimen, network)));
}

export function pictureTable(set, corner, rows) {
  const head = [corner, ...set.specimens].map((name) => make("th", { scope: "col" }, name));
  const words = (set.label ? set.label + ": p" : "P") + "ixels of " + set.pixel_words + ", bars of " + set.bar_words;
  return make("div", {}, make("p", { class: "small" }, words + "."), make("div", { class: "scroll" },
    make("table", { class: "sheet" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows))));
}

export function legend() {
  return make("p", { class: "small" }, "Outlines: true ", make("span", { class: "key truth" }), ", predicted with probability one half ",
    make("span", { class: "key predicted" }), ". IoU is the overlap of the two masks over their union.");
}

// The chosen network comes first.
function networkOrder(set, training) {
  const first = set.networks.indexOf(training), all = set.networks.map((_, i) => i);
  return first < 0 ? all : [first, ...all.filter((i) => i !== first)];
}

export function conditionPictures(test, training) {
  const found = pictured(test);
  if (!found.length) return [make("p", { class: "note" }, "No micrographs of this condition were kept for this page.")];
  const tables = found.map(([set, entry]) => pictureTable(set, "network", [pictureRow(set, entry, -1, "micrograph"),
    ...networkOrder(set, training).map((network) => pictureRow(set, entry, network, set.networks[network]))]));
  return [make("h3", { class: "plain" }, "Micrographs, and what some networks make of them"), legend(), ...tables,
    make("p", { class: "small" }, galleries.words)];
}
