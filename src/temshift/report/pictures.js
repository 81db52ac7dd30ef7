// ---- pictures of test conditions and of what networks make of them, in a dialog ----------------------------------

const galleries = JSON.parse(document.getElementById("pictures").textContent);
const SVG = "http://www.w3.org/2000/svg";
let pictureDialog = null, pictureView = null;

const entriesOf = (name) => galleries.sets.map((set) => [set, set.conditions.find((one) => one.name === name)]).filter((pair) => pair[1]);
const conditionNames = () => [...new Set(galleries.sets.flatMap((set) => set.conditions.map((one) => one.name)))];
const networkNames = () => [...new Set(galleries.sets.flatMap((set) => set.networks))];

function hasPictures(test) {
  return entriesOf(test).length > 0;
}

function hasNetworkPictures(training) {
  return networkNames().includes(training);
}

function made(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

function drawnIn(parent, tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent.append(node);
  return node;
}

function scaleBar(svg, set) {
  const inset = 0.045 * set.width, thick = 0.022 * set.width;
  drawnIn(svg, "rect", { class: "bar", x: inset, y: set.height - inset - thick, width: set.bar, height: thick });
}

// A micrograph with outlines over it; the words are what a reader hears and a pointer shows.
function pictureTile(set, entry, specimen, network, words) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of [["class", "tile"], ["viewBox", "0 0 " + set.width + " " + set.height], ["role", "img"]]) svg.setAttribute(name, value);
  drawnIn(svg, "title", {}).textContent = words;
  drawnIn(svg, "image", { width: set.width, height: set.height, href: "data:" + set.kind + ";base64," + entry.pictures[specimen] });
  const outline = (kind, number) => {
    if (galleries.outlines[number]) drawnIn(svg, "path", { class: "outline " + kind, d: galleries.outlines[number], transform: "scale(0.1)" });
  };
  outline("truth", entry.truth[specimen]);
  if (network !== null) outline("predicted", entry.predicted[network][specimen]);
  scaleBar(svg, set);
  return svg;
}

function overlapWords(entry, network, specimen) {
  const value = entry.overlaps[network][specimen];
  return value === null ? "IoU –" : "IoU " + value.toFixed(2);
}

function pictureRow(set, entry, network, heading) {
  const cells = set.specimens.map((specimen, number) => {
    const note = network === null ? "" : overlapWords(entry, network, number);
    const words = [specimen, entry.name, network === null ? "" : set.networks[network], note].filter(Boolean).join(", ");
    return made("td", {}, pictureTile(set, entry, number, network, words), note ? made("span", { class: "note" }, note) : null);
  });
  return made("tr", {}, made("th", { scope: "row" }, heading), ...cells);
}

function pictureTable(set, corner, rows) {
  const head = [corner, ...set.specimens].map((name) => made("th", { scope: "col" }, name));
  const title = [set.label, "pixels of " + set.pixel_words, "the bar is " + set.bar_words + " long"].filter(Boolean).join(", ");
  return made("div", {}, made("p", { class: "small" }, title),
    made("div", { class: "scroll" }, made("table", { class: "sheet" }, made("thead", {}, made("tr", {}, ...head)), made("tbody", {}, ...rows))));
}

function conditionTables(name) {
  return entriesOf(name).map(([set, entry]) => pictureTable(set, "network", [
    pictureRow(set, entry, null, "micrograph"),
    ...set.networks.map((network, number) => pictureRow(set, entry, number, network)),
  ]));
}

function networkTables(name) {
  return galleries.sets.filter((set) => set.networks.includes(name)).map((set) => pictureTable(set, "test condition",
    set.conditions.map((entry) => pictureRow(set, entry, set.networks.indexOf(name), entry.name))));
}

function pictureMenu() {
  const names = pictureView.names();
  const select = made("select", {}, ...names.map((name, number) => made("option", { value: String(number) }, name)));
  select.value = String(names.indexOf(pictureView.name));
  select.addEventListener("change", () => fillPictures(names[Number(select.value)]));
  const step = (by, words) => {
    const button = made("button", { type: "button" }, words);
    button.disabled = !names[names.indexOf(pictureView.name) + by];
    button.addEventListener("click", () => stepPictures(by));
    return button;
  };
  return [step(-1, "← previous"), made("label", { class: "menu" }, pictureView.noun + " ", select), step(1, "next →")];
}

function stepPictures(by) {
  const names = pictureView.names(), next = names[names.indexOf(pictureView.name) + by];
  if (next !== undefined) fillPictures(next);
}

function outlinesBox() {
  const box = made("input", { type: "checkbox" });
  box.checked = !pictureDialog.classList.contains("bare");
  box.addEventListener("change", () => pictureDialog.classList.toggle("bare", !box.checked));
  return made("label", { class: "menu" }, box, " outlines: ", made("span", { class: "key truth" }), " true, ", made("span", { class: "key predicted" }), " predicted");
}

function fillPictures(name) {
  pictureView.name = name;
  const close = made("button", { type: "button", class: "close", autofocus: "" }, "close");
  close.addEventListener("click", () => pictureDialog.close());
  pictureDialog.replaceChildren(
    made("header", {}, made("h2", { id: "pictures-title" }, pictureView.title + name), close),
    made("p", { class: "controls" }, ...pictureMenu(), outlinesBox()),
    ...pictureView.tables(name), made("p", { class: "small" }, galleries.words));
  pictureDialog.scrollTop = 0;
}

function openPictures(view, name) {
  if (!pictureDialog) {
    pictureDialog = made("dialog", { id: "pictures-dialog", "aria-labelledby": "pictures-title" });
    pictureDialog.addEventListener("keydown", (event) => {
      if (event.target.tagName === "SELECT" || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "ArrowLeft") stepPictures(-1);
      if (event.key === "ArrowRight") stepPictures(1);
    });
    document.body.append(pictureDialog);
  }
  pictureView = view;
  fillPictures(name);
  if (!pictureDialog.open) pictureDialog.showModal();
}

function showPictures(test) {
  if (!hasPictures(test)) return;
  openPictures({ title: "Micrographs: ", noun: "Test condition", names: conditionNames, tables: conditionTables }, test);
}

function showNetworkPictures(training) {
  if (!hasNetworkPictures(training)) return;
  openPictures({ title: "What this network makes of them: ", noun: "Trained on", names: networkNames, tables: networkTables }, training);
}
