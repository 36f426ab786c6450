"use strict";
(() => {
  const { charts, shared } = JSON.parse(document.getElementById("specs").textContent);
  const style = {% include "style.json" %};
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

  // Python's compact.py writes values that charts share once, and tables by their columns.
  function whole(value) {
    if (Array.isArray(value)) return value.map(whole);
    if (value === null || typeof value !== "object") return value;
    if ("$" in value) return whole(shared[value.$]);
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, whole(part)]));
  }

  function rows(data) {
    if (Array.isArray(data)) return data;
    const columns = Object.entries(data);
    return columns[0][1].map((_, at) => Object.fromEntries(columns.map(([name, cells]) => [name, cells[at]])));
  }

  function chart(id) {
    const spec = whole(charts[id]);
    return { ...spec, datasets: Object.fromEntries(Object.entries(spec.datasets).map(([name, data]) => [name, rows(data)])) };
  }

  function config(dark, width, labels) {
    const { text, line } = dark ? style.dark : style.light;
    const longest = 34 + 6.6 * Math.max(...labels.map((label) => Math.min(label.length, 40)));
    const columns = Math.max(1, Math.min(labels.length, Math.floor((width - 40) / longest)));
    const colours = { labelColor: text, titleColor: text, gridColor: line, domainColor: line, tickColor: line };
    return {
      ...style.config, background: "transparent", font: style.font,
      axis: { ...style.config.axis, ...colours },
      legend: { ...style.config.legend, labelColor: text, columns },
    };
  }

  async function draw(id, dark) {
    const place = document.getElementById(id), spec = chart(id);
    const colour = spec.layer.map((layer) => layer.encoding.color).find((each) => each && each.scale);
    try {
      const embedded = await vegaEmbed(place, spec, {
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
    await Promise.all(Object.keys(charts).map((id) => draw(id, dark)));
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
