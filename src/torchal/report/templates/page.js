"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const views = new Map();
  // A browser may refuse to remember anything for a page opened from a file; the page then follows the system.
  const memory = {
    read() { try { return localStorage.getItem("torchal-theme"); } catch { return null; } },
    write(theme) { try { localStorage.setItem("torchal-theme", theme); } catch { return; } },
  };
  let chosen = memory.read();
  const isDark = () => chosen ? chosen === "dark" : system.matches;

  function config(dark, width, labels) {
    const text = dark ? "#c6ccd4" : "#454c55";
    const line = dark ? "#343a44" : "#e4e5e0";
    const longest = 34 + 6.6 * Math.max(...labels.map((label) => Math.min(label.length, 40)));
    const font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif";
    return {
      background: "transparent", font,
      view: { stroke: null },
      axis: {
        labelColor: text, titleColor: text, gridColor: line, domainColor: line, tickColor: line,
        labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", titlePadding: 8, labelPadding: 4,
      },
      axisX: { grid: false },
      axisY: { domain: false, ticks: false, tickCount: 6 },
      legend: {
        labelColor: text, labelFontSize: 13, symbolSize: 90, rowPadding: 6, columnPadding: 14, offset: 12,
        columns: Math.max(1, Math.min(labels.length, Math.floor((width - 40) / longest))),
      },
    };
  }

  async function draw(id, dark) {
    const place = document.getElementById(id);
    const colour = specs[id].layer.map((layer) => layer.encoding.color).find((each) => each && each.scale);
    try {
      const embedded = await vegaEmbed(place, specs[id], {
        actions: { export: true, source: false, compiled: false, editor: false },
        config: config(dark, place.clientWidth, colour ? colour.scale.domain : [""]),
        downloadFileName: id, renderer: "svg", tooltip: { theme: dark ? "dark" : "light" },
      });
      views.set(id, embedded);
    } catch (error) {
      place.textContent = `This chart could not be drawn: ${error.message}`;
      console.error(error);
    }
  }

  async function show() {
    const dark = isDark();
    root.dataset.theme = dark ? "dark" : "light";
    button.textContent = dark ? "Light mode" : "Dark mode";
    views.forEach((view) => view.finalize());
    views.clear();
    await Promise.all(Object.keys(specs).map((id) => draw(id, dark)));
    root.dataset.drawn = root.dataset.theme;
  }

  function redraw(id) {
    views.get(id)?.finalize();
    return draw(id, isDark());
  }

  let last = Promise.resolve();
  const again = () => { last = last.then(show); };
  button.addEventListener("click", () => {
    chosen = isDark() ? "light" : "dark";
    memory.write(chosen);
    again();
  });
  system.addEventListener("change", again);
  // A chart that was drawn while its part of the page was closed has no width.
  document.querySelectorAll("details").forEach((part) => part.addEventListener("toggle", () => {
    const inside = [...part.querySelectorAll(".chart")].map((chart) => chart.id);
    if (part.open) last = last.then(() => Promise.all(inside.map(redraw)));
  }));
  again();
})();
