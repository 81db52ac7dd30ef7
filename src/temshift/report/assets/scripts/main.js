import { chosen, element, fill, onChange, onClick, onEvent } from "./state/elements.js";
import { load, study, tests, trainings } from "./state/study.js";
import { dark } from "./state/plotting.js";
import { choice, grouped, turnTo, view } from "./state/view.js";
import { offerFilters, resetFilters } from "./state/menus.js";
import { select } from "./state/selection.js";
import { drawMatrix } from "./plots/matrix.js";
import { drawCurve } from "./plots/curves.js";
import { drawTransfer, swapPair } from "./plots/transfer.js";
import { drawExplained, offerLeftOut } from "./plots/explained.js";
import { choose, tellCell } from "./actions/choosing.js";
import { loadPictures } from "./actions/pictures.js";
import { listenToPictures } from "./actions/networks.js";
import { cellKey, openCell, stepCell } from "./actions/cells.js";
import { chooseCell, matrixKey } from "./actions/keys.js";
import { addExports } from "./actions/exports.js";

function drawMatrixAndCurve() {
  drawMatrix();
  drawCurve();
}

function drawAll() {
  drawTransfer();
  drawMatrixAndCurve();
  drawExplained();
}

function refilter() {
  select();
  drawMatrixAndCurve();
  drawExplained();
}

function chooseTraining() {
  choose(chosen("training"), choice.column);
}

function chooseSpecimen() {
  document.querySelectorAll(".prediction").forEach((block) => {
    block.classList.toggle("chosen", block.dataset.specimen === element("specimen").value);
  });
}

function turn(step) {
  turnTo(view.page + step);
  drawMatrixAndCurve();
}

// A page that is opened as a file may have no storage; then the theme lasts as long as the page.
function remember(theme) {
  try { localStorage.setItem("temshift-theme", theme); } catch { /* private or blocked */ }
}

function tellTheme() {
  element("theme").setAttribute("aria-pressed", String(dark()));
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  tellTheme();
  drawAll();
}

function followSystem() {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    let kept = null;
    try { kept = localStorage.getItem("temshift-theme"); } catch { /* private or blocked */ }
    if (!kept) setTheme(event.matches ? "dark" : "light");
  });
}

function toggleTheme() {
  setTheme(dark() ? "light" : "dark");
  remember(document.documentElement.dataset.theme);
}

function listen() {
  onChange(["specimen"], chooseSpecimen);
  onChange(["outlines"], () => document.body.classList.toggle("no-outlines", !element("outlines").checked));
  onChange(["transfer-first", "transfer-second"], drawTransfer);
  onClick("transfer-swap", swapPair);
  onChange(["score"], () => { if (element("sort-rows").value !== "given" || !grouped()) select(); drawMatrixAndCurve(); });
  onChange(["training"], chooseTraining);
  onChange(["axis"], drawCurve);
  onChange(["page-size"], () => { turnTo(0); drawMatrixAndCurve(); });
  onClick("page-before", () => turn(-1));
  onClick("page-after", () => turn(1));
  onChange(["filters"], refilter);
  onClick("reset", () => { resetFilters(); refilter(); });
  onChange(["pairs", "left-out", "against", "bars", "fitted"], drawExplained);
  onClick("theme", toggleTheme);
  onClick("open-cell", openCell);
  onClick("close-cell", () => element("cell").close());
  onClick("cell-before", () => stepCell(-1));
  onClick("cell-after", () => stepCell(1));
  onEvent("keydown", ["cell"], cellKey);
  onEvent("keydown", ["matrix-keys"], matrixKey);
  listenToPictures();
}

function followWidth() {
  let before = window.innerWidth, timer = 0;
  window.addEventListener("resize", () => {
    if (window.innerWidth === before) return;
    before = window.innerWidth;
    clearTimeout(timer);
    timer = setTimeout(drawAll, 150);
  });
}

function offerMenus() {
  fill(element("score"), study.scores.map((score, i) => [i, score.label]), 0);
  fill(element("against"), study.predictors.map((each, i) => [i, each.label]), 0);
  offerLeftOut();
  element("page-size").value = "40";
  element("bars").checked = trainings.length * tests.length <= 400;
  element("dropped").hidden = !study.dropped.length;
}

// Paper is white: plots are drawn light for printing, and as before after it.
function followPrinting() {
  let before = "light";
  window.addEventListener("beforeprint", () => { before = document.documentElement.dataset.theme; if (dark()) setTheme("light"); });
  window.addEventListener("afterprint", () => { if (before === "dark") setTheme(before); });
}

// One plot after the other, with time between them for the reader's clicks and keys.
async function drawInTurn() {
  for (const action of [drawMatrix, drawCurve, drawTransfer, drawExplained]) {
    await new Promise((resolve) => { setTimeout(resolve, 0); });
    action();
  }
  element("matrix-plot").on("plotly_click", chooseCell);
  element("matrix-plot").on("plotly_doubleclick", openCell);  // Plotly lets no dblclick of the browser through
  document.documentElement.dataset.drawn = "true";
}

async function start() {
  await Promise.all([load(), loadPictures()]);
  document.documentElement.classList.add("scripted");
  offerMenus();
  offerFilters();
  select();
  Object.assign(choice, { row: 0, column: 0 });
  chooseSpecimen();
  tellTheme();
  tellCell();
  listen();
  followSystem();
  followWidth();
  followPrinting();
  addExports();
  document.documentElement.dataset.ready = "true";
  await drawInTurn();
}

function fail(error) {
  element("failed").hidden = false;
  element("failed").textContent = "This page could not be drawn: " + error.message + ". It needs a browser of 2023 or later.";
}

start().catch(fail);
