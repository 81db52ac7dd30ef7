import { element, fill, make, onChange, onClick, onEvent } from "../state/elements.js";
import { study } from "../state/study.js";
import { choice } from "../state/view.js";
import { galleries, legend, pictureRow, pictureTable, picturedNetworks, rowName } from "./pictures.js";

function fillNetwork(name) {
  const tables = galleries.sets.filter((set) => set.networks.includes(name)).map((set) => pictureTable(set, "test condition",
    set.conditions.map((entry) => pictureRow(set, entry, set.networks.indexOf(name), entry.name))));
  element("network-title").textContent = study.own ? name : "Trained on " + name;
  element("network-body").replaceChildren(legend(), ...tables, make("p", { class: "small" }, galleries.words));
  element("network-names").value = name;
  element("network").scrollTop = 0;
}

function openNetwork() {
  const names = picturedNetworks(), name = rowName(choice.row);
  fill(element("network-names"), names.map((each) => [each, each]));
  fillNetwork(names.includes(name) ? name : names[0]);
  if (!element("network").open) element("network").showModal();
}

function stepNetwork(step) {
  const names = picturedNetworks(), next = names[names.indexOf(element("network-names").value) + step];
  if (next !== undefined) fillNetwork(next);
}

function networkKey(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step || event.target.tagName === "SELECT") return;
  event.preventDefault();
  stepNetwork(step);
}

export function listenToPictures() {
  element("open-network").hidden = !picturedNetworks().length;
  onClick("open-network", openNetwork);
  onClick("close-network", () => element("network").close());
  onClick("network-before", () => stepNetwork(-1));
  onClick("network-after", () => stepNetwork(1));
  onChange(["network-names"], () => fillNetwork(element("network-names").value));
  onEvent("keydown", ["network"], networkKey);
}
