// ---- plots in the colours of the page ---------------------------------------------------------------------------

const NARROW = 640;
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "star", "x", "pentagon"];
// plotly.js 4 offers to upload a chart unless it is told not to; nothing of a study may leave this page.
const CONFIG = { displaylogo: false, showSendToCloud: false, plotlyServerURL: "", responsive: false,
  modeBarButtonsToRemove: ["sendChartToCloud", "lasso2d", "select2d", "autoScale2d"] };
const narrow = () => element("matrix").clientWidth < NARROW;
const dark = () => document.documentElement.dataset.theme === "dark";
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const see = (name, opacity) => colour(name) + Math.round(255 * opacity).toString(16).padStart(2, "0");
const font = (size) => ({ family: "system-ui, 'Segoe UI', Roboto, Arial, sans-serif", size, color: colour("ink") });

function layout(more) {
  return Object.assign({
    font: font(13), paper_bgcolor: colour("paper"), plot_bgcolor: colour("paper"), hovermode: "closest",
    dragmode: narrow() ? false : "zoom", modebar: { color: colour("faint"), activecolor: colour("ink"), bgcolor: "#0000" },
    hoverlabel: { align: "left", bgcolor: colour("raised"), bordercolor: colour("quiet"), font: font(13) },
  }, more);
}

function axis(title, more) {
  return Object.assign({
    title: { text: title, standoff: 8 }, automargin: true, zeroline: false, gridcolor: colour("grid"),
    linecolor: colour("quiet"), ticks: "outside", tickcolor: colour("quiet"),
  }, more);
}

// Ticks at round numbers for a logarithmic axis, so that no axis shows a bare 2, 3, 5.
function roundTicks(values) {
  const lowest = Math.min(...ends(values)), highest = Math.max(...ends(values));
  const many = narrow() ? [1, 2, 5] : [1, 2, 3, 5];
  const close = highest / lowest < 2 ? [1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3.2, 3.6, 4, 4.5, 5, 6, 7, 8, 9]
    : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8];
  const steps = highest / lowest < 4 ? close : highest / lowest > 1000 ? [1] : many;
  const ticks = [];
  for (let power = Math.floor(Math.log10(lowest)); power <= Math.log10(highest) + 1; power += 1) {
    for (const step of steps) ticks.push(Number((step * Math.pow(10, power)).toPrecision(3)));
  }
  return ticks.filter((tick) => tick >= 0.8 * lowest && tick <= 1.25 * highest);
}

// The lowest and the highest of any number of values.
function ends(values) {
  let lowest = Infinity, highest = -Infinity;
  for (const value of values) {
    if (!present(value)) continue;
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  return lowest <= highest ? [lowest, highest] : [];
}

function logAxis(title, values) {
  const ticks = values.length ? roundTicks(values) : [];
  return axis(title, { type: "log", tickvals: ticks, ticktext: ticks.map((tick) => figure(tick, 2)) });
}

function draw(id, traces, shape) {
  Plotly.react(element(id), traces, layout(shape), CONFIG);
}

// ---- pieces of the page -----------------------------------------------------------------------------------------

const chosen = (id) => Number(element(id).value);

function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  Object.entries(attributes || {}).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children.filter((child) => child !== null));
  return made;
}

function fill(select, names, value) {
  select.replaceChildren(...names.map(([key, name]) => make("option", { value: key }, name)));
  if (present(value)) select.value = String(value);
}
