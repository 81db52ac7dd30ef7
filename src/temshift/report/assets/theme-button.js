"use strict";
(() => {
  const root = document.documentElement, button = document.getElementById("theme");
  const say = () => button.setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
  button.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("temshift-theme", root.dataset.theme); } catch { /* no storage */ }
    say();
  });
  say();
  root.classList.add("scripted");
  root.dataset.drawn = "true";
})();
