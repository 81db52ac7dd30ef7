(function () {
  let theme = null;
  try { theme = localStorage.getItem("temshift-theme"); } catch { /* no storage */ }
  if (theme !== "dark" && theme !== "light") theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme;
})();
