"use strict";
(() => {
  const svg = document.getElementById("picture");
  const width = Number(svg.dataset.width), height = Number(svg.dataset.height);
  const MOST = 24, STEP = 1.3;
  let view = { x: 0, y: 0, w: width, h: height };

  function show() {
    view.w = Math.min(width, Math.max(width / MOST, view.w));
    view.h = view.w * height / width;
    view.x = Math.min(width - view.w, Math.max(0, view.x));
    view.y = Math.min(height - view.h, Math.max(0, view.y));
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
    const size = 13 * view.w / Math.max(1, svg.clientWidth);
    for (const text of svg.querySelectorAll("text")) text.style.fontSize = `${size}px`;
  }

  function zoom(factor, x = view.x + view.w / 2, y = view.y + view.h / 2) {
    const before = view.w;
    view.w = Math.min(width, Math.max(width / MOST, view.w / factor));
    const ratio = view.w / before;
    view.x = x - (x - view.x) * ratio;
    view.y = y - (y - view.y) * ratio;
    show();
  }

  function place(event) {
    const point = new window.DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [point.x, point.y];
  }

  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? STEP : 1 / STEP, ...place(event));
  }, { passive: false });

  const fingers = new Map();
  const apart = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  };
  svg.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    if (fingers.size === 2) {
      const before = apart();
      fingers.set(event.pointerId, event);
      zoom(apart() / Math.max(1, before), ...place(event));
      return;
    }
    const [x, y] = place(event), [oldX, oldY] = place(last);
    view.x += oldX - x;
    view.y += oldY - y;
    fingers.set(event.pointerId, event);
    show();
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    svg.addEventListener(kind, (event) => fingers.delete(event.pointerId));
  }

  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  svg.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (move) {
      view.x += move[0] * view.w / 8;
      view.y += move[1] * view.h / 8;
    } else if (event.key === "+" || event.key === "=") zoom(STEP);
    else if (event.key === "-") zoom(1 / STEP);
    else if (event.key === "0") view = { x: 0, y: 0, w: width, h: height };
    else return;
    event.preventDefault();
    show();
  });
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => {
      if (button.dataset.zoom === "all") view = { x: 0, y: 0, w: width, h: height };
      else zoom(button.dataset.zoom === "in" ? STEP : 1 / STEP);
      show();
    });
  }

  function choose(particle) {
    for (const other of svg.querySelectorAll(".chosen")) other.classList.remove("chosen");
    particle.classList.add("chosen");
    document.getElementById("readout").textContent = particle.dataset.words;
  }
  for (const particle of svg.querySelectorAll(".particle")) {
    particle.addEventListener("pointerover", () => choose(particle));
  }
  for (const row of document.querySelectorAll("tbody tr[data-number]")) {
    row.addEventListener("click", () => {
      const particle = svg.querySelector(`.particle[data-number="${row.dataset.number}"]`);
      const box = particle.getBBox();
      view.w = Math.max(4 * box.width, 4 * box.height * width / height);
      view.x = box.x + box.width / 2 - view.w / 2;
      view.y = box.y + box.height / 2 - view.w * height / width / 2;
      choose(particle);
      show();
      svg.scrollIntoView({ block: "center" });
    });
  }

  const toggles = { outlines: ["plain-picture", false], numbers: ["numbered", true], labels: ["without-labels", false] };
  for (const [name, [mark, state]] of Object.entries(toggles)) {
    const box = document.getElementById(name);
    if (!box) continue;
    const apply = () => svg.classList.toggle(mark, box.checked === state);
    box.addEventListener("change", apply);
    apply();
  }
  show();
  window.addEventListener("resize", show);
})();
