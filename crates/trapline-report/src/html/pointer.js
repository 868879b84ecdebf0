"use strict";
// Numbers of a drawing under the pointer, and curves that are hidden and shown by their names in the legend.
(() => {
  const UNITS_PER_PT = 10, REACH_PT = 24, SVG = "http://www.w3.org/2000/svg";

  const isValue = (value) => value !== null && Number.isFinite(value);

  // As many digits as a reader compares, and a power of ten where a number is far from 1.
  const number = (value) => {
    if (!isValue(value)) return "no value";
    const size = Math.abs(value);
    const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(3) : String(Number(value.toPrecision(5)));
    return text.replace(/-/g, "\u2212");
  };

  // Long times in the units that people count them in.
  const spoken = (label, value) => {
    if (!/\(s\)\s*$/.test(label) || !(value >= 60)) return "";
    const [unit, seconds] = [["y", 31557600], ["d", 86400], ["h", 3600], ["min", 60]].find(([, s]) => value >= s);
    return ` = ${Number((value / seconds).toPrecision(3))} ${unit}`;
  };

  // "time after programming (s)", 3600 becomes "time after programming: 3600 s = 1 h".
  const named = (label, value) => {
    const [, what, unit] = /^(.*?)\s*(?:\(([^()]*)\))?\s*$/.exec(label);
    const written = unit && unit !== "1" && isValue(value) ? ` ${unit}` : "";
    return `${what || "value"}: ${number(value)}${written}${spoken(label, value)}`;
  };

  // The same of a number on an axis, which may be something else to a reader.
  const onAxis = ({ label, reading }, value) => {
    if (reading === "weibull share") return named(`${label} (%)`, -100 * Math.expm1(-Math.exp(value)));
    const celsius = reading === "inverse kelvin" && value > 0 ? ` = ${number(1000 / value - 273.15)} \u00b0C` : "";
    return named(label, value) + celsius;
  };

  const view = (axis, value) => {
    const at = axis.log ? Math.log10(value) : value;
    return (at - axis.low) / (axis.high - axis.low);
  };

  const field = (edges, value) => edges.findIndex((edge, i) => i + 1 < edges.length && value >= edge && value < edges[i + 1]);

  const back = (axis, part) => {
    const at = axis.low + part * (axis.high - axis.low);
    return axis.log ? 10 ** at : at;
  };

  for (const drawing of document.querySelectorAll(".drawing")) {
    const source = drawing.querySelector("script");
    if (!source) continue;
    const { panels } = JSON.parse(source.textContent);
    const told = document.createElement("div");
    told.className = "told";
    told.hidden = true;
    drawing.append(told);

    drawing.querySelectorAll("svg").forEach((svg) => {
      const form = svg.closest(".narrow") ? 1 : 0;
      const ring = document.createElementNS(SVG, "circle");
      ring.setAttribute("r", 45);
      ring.setAttribute("fill", "none");
      ring.setAttribute("stroke-width", 15);
      ring.style.display = "none";
      svg.append(ring);
      const hidden = new Set();

      const hide = () => {
        told.hidden = true;
        ring.style.display = "none";
      };

      // The point of a shown curve that is nearest, within reach.
      const nearest = (panel, place, [left, top, right, bottom], x, y) => {
        let best = null;
        panel.curves.forEach((curve, c) => {
          if (hidden.has(`${place} ${c}`)) return;
          curve.points.forEach(([a, b], i) => {
            if (a === null || b === null) return;
            const px = left + view(panel.x, a) * (right - left), py = bottom - view(panel.y, b) * (bottom - top);
            if (!(px >= left - 0.5 && px <= right + 0.5 && py >= top - 0.5 && py <= bottom + 0.5)) return;
            const distance = Math.hypot(px - x, py - y);
            if (distance <= REACH_PT && (!best || distance < best.distance)) best = { distance, curve, i, px, py };
          });
        });
        return best;
      };

      const words = (panel, place, frame, x, y) => {
        const [left, top, right, bottom] = frame;
        if (panel.map) {
          const { values, first, step, label } = panel.map;
          const row = Math.min(values.length - 1, Math.floor(((y - top) / (bottom - top)) * values.length));
          const columns = values.length ? values[0].length : 0;
          const column = Math.min(columns - 1, Math.floor(((x - left) / (right - left)) * columns));
          if (row < 0 || column < 0) return null;
          const at = `${panel.map.y} ${first[1] + step * row}, ${panel.map.x} ${first[0] + step * column}`;
          return { text: `${at}\n${named(label, values[row][column])}` };
        }
        if (!panel.curves) return null;
        const found = nearest(panel, place, frame, x, y);
        if (found) {
          const { curve, i } = found, [a, b] = curve.points[i], ends = curve.ends[i];
          const lines = [curve.label, onAxis(panel.x, a), onAxis(panel.y, b)];
          if (ends && ends[0] !== null && ends[1] !== null) {
            const [low, high] = [Math.min(...ends), Math.max(...ends)].map((end) => onAxis(panel.y, end).split(": ").pop());
            lines.push(`from ${low} to ${high}`);
          }
          return { text: lines.filter(Boolean).join("\n"), at: [found.px, found.py], colour: curve.colour };
        }
        if (!panel.heat) return null;
        const a = back(panel.x, (x - left) / (right - left)), b = back(panel.y, (bottom - y) / (bottom - top));
        const column = field(panel.heat.x, a), row = field(panel.heat.y, b);
        if (row < 0 || column < 0 || panel.heat.values[row][column] === null) return null;
        const lines = [onAxis(panel.x, a), onAxis(panel.y, b), named(panel.heat.label, panel.heat.values[row][column])];
        return { text: lines.join("\n") };
      };

      const show = (event) => {
        const matrix = svg.getScreenCTM();
        if (!matrix) return;
        const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
        const x = point.x / UNITS_PER_PT, y = point.y / UNITS_PER_PT;
        const inside = ([left, top, right, bottom]) => x >= left && x <= right && y >= top && y <= bottom;
        const place = panels.findIndex((panel) => panel.frames[form] && inside(panel.frames[form]));
        const found = place < 0 ? null : words(panels[place], panels[place].number, panels[place].frames[form], x, y);
        if (!found) return hide();
        told.textContent = found.text;
        told.hidden = false;
        const box = drawing.getBoundingClientRect();
        const beyond = event.clientX - box.left + told.offsetWidth + 16 > box.width;
        told.style.left = `${Math.max(0, event.clientX - box.left + (beyond ? -told.offsetWidth - 12 : 12))}px`;
        told.style.top = `${event.clientY - box.top + 12}px`;
        ring.style.display = found.at ? "" : "none";
        if (found.at) {
          ring.setAttribute("cx", found.at[0] * UNITS_PER_PT);
          ring.setAttribute("cy", found.at[1] * UNITS_PER_PT);
          ring.setAttribute("stroke", found.colour);
        }
      };
      svg.addEventListener("pointermove", show);
      svg.addEventListener("pointerdown", show);
      // A finger that is lifted leaves, too; what it pointed at stays until the next tap.
      svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());

      // A name stands for the curve of its panel, for curves of its colour there that have no name of their own, and for those
      // of its colour in panels without names.
      const keys = [...svg.querySelectorAll(".key")];
      const withNames = new Set(keys.map((key) => key.dataset.panel));
      const of = (place) => panels.find((panel) => panel.number === Number(place));
      keys.forEach((key) => {
        const { panel, curve } = key.dataset;
        const colour = of(panel).curves[curve].colour;
        const here = (other) => String(other.number) === panel;
        const own = panels.filter((other) => other.curves && (here(other) || !withNames.has(String(other.number))));
        const isNamed = (other, i) => keys.some((k) => k.dataset.panel === String(other.number) && k.dataset.curve === String(i));
        const alike = (other, c, i) => c.colour === colour && !isNamed(other, i);
        const others = own.flatMap((other) => other.curves.flatMap((c, i) => (alike(other, c, i) ? [`${other.number} ${i}`] : [])));
        const all = [`${panel} ${curve}`, ...others];
        key.setAttribute("role", "button");
        key.setAttribute("tabindex", "0");
        key.setAttribute("aria-pressed", "true");
        const toggle = () => {
          const off = key.classList.toggle("off");
          key.setAttribute("aria-pressed", String(!off));
          for (const name of all) {
            const [p, c] = name.split(" ");
            if (off) hidden.add(name);
            else hidden.delete(name);
            svg.querySelectorAll(`.curve[data-panel="${p}"][data-curve="${c}"]`).forEach((part) => part.classList.toggle("off", off));
          }
          hide();
        };
        key.addEventListener("click", toggle);
        key.addEventListener("keydown", (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          toggle();
        });
      });
    });
  }
})();
