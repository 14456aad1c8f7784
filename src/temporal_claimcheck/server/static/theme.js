"use strict";
// Before the page is painted, so that it never flashes in the other colours.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem("claimcheck-theme");
    } catch {
      return null; // A browser may forbid storage; then the choice lasts as long as the page.
    }
  };
  const now = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const toggle = () => {
    root.dataset.theme = now() === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("claimcheck-theme", root.dataset.theme);
    } catch {
      // As above.
    }
  };
  const theme = stored();
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  root.classList.add("scripted");
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", toggle);
  });
  addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input, textarea");
    if (event.key === "t" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) toggle();
  });
})();
