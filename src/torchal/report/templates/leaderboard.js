"use strict";
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  // A browser may refuse to remember anything for a page opened from a file; the page then follows the system.
  const memory = {
    read() { try { return localStorage.getItem("torchal-theme"); } catch { return null; } },
    write(theme) { try { localStorage.setItem("torchal-theme", theme); } catch { return; } },
  };
  let chosen = memory.read();
  const isDark = () => chosen ? chosen === "dark" : system.matches;

  function paint() {
    root.dataset.theme = isDark() ? "dark" : "light";
    button.textContent = isDark() ? "Light mode" : "Dark mode";
  }
  button.hidden = false;
  button.addEventListener("click", () => { chosen = isDark() ? "light" : "dark"; memory.write(chosen); paint(); });
  system.addEventListener("change", paint);
  paint();

  const form = document.getElementById("filters");
  const shown = document.getElementById("shown");
  const boards = [...document.querySelectorAll(".board")];

  function filter() {
    const wanted = Object.fromEntries(new FormData(form));
    const text = wanted.strategy.trim().toLowerCase();
    const axes = ["dataset", "model", "condition"];
    let [some, all] = [0, 0];
    for (const board of boards) {
      const about = axes.every((axis) => !wanted[axis] || board.dataset[axis] === wanted[axis]);
      const rows = [...board.querySelectorAll("tr[data-strategy]")];
      for (const row of rows) row.hidden = !row.dataset.strategy.toLowerCase().includes(text);
      const left = rows.filter((row) => !row.hidden).length;
      board.hidden = !about || left === 0;
      some += board.hidden ? 0 : left;
      all += rows.length;
    }
    shown.textContent = some === all ? `All ${all} rows` : some ? `${some} of ${all} rows` : "No row is like that";
  }
  form.hidden = false;
  for (const kind of ["input", "change"]) form.addEventListener(kind, filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
})();
