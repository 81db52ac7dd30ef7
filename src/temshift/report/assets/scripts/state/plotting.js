import { figure } from "../pure/words.js";
import { roundTicks } from "../pure/ticks.js";
import { element } from "./elements.js";

const NARROW = 640;
export const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "star", "x", "pentagon"];

// plotly.js 4 offers to upload a chart unless it is told not to; nothing of a study may leave this page.
const CONFIG = { displaylogo: false, showSendToCloud: false, plotlyServerURL: "", responsive: false,
  modeBarButtonsToRemove: ["sendChartToCloud", "lasso2d", "select2d", "autoScale2d"] };

export const narrow = () => element("matrix").clientWidth < NARROW;
export const dark = () => document.documentElement.dataset.theme === "dark";
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
export const see = (name, opacity) => colour(name) + Math.round(255 * opacity).toString(16).padStart(2, "0");
const font = (size) => ({ family: "system-ui, 'Segoe UI', Roboto, Arial, sans-serif", size, color: colour("ink") });

function layout(more) {
  return Object.assign({
    font: font(13), paper_bgcolor: colour("paper"), plot_bgcolor: colour("paper"), hovermode: "closest",
    dragmode: narrow() ? false : "zoom", modebar: { color: colour("faint"), activecolor: colour("ink"), bgcolor: "#0000" },
    hoverlabel: { align: "left", bgcolor: colour("raised"), bordercolor: colour("quiet"), font: font(13) },
  }, more);
}

export function axis(title, more) {
  return Object.assign({
    title: { text: title, standoff: 8 }, automargin: true, zeroline: false, gridcolor: colour("grid"),
    linecolor: colour("quiet"), ticks: "outside", tickcolor: colour("quiet"),
  }, more);
}

export function logAxis(title, values) {
  const ticks = values.length ? roundTicks(values, narrow()) : [];
  return axis(title, { type: "log", tickvals: ticks, ticktext: ticks.map((tick) => figure(tick, 2)) });
}

export function draw(id, traces, shape) {
  Plotly.react(element(id), traces, layout(shape), CONFIG);
}
