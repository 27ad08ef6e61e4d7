"use strict";

/* Plots as SVG. A plot knows its curves and the stretch of time that is shown; drawing it again is cheap. */

const SVG = "http://www.w3.org/2000/svg";
const EDGE = { left: 52, right: 10, top: 8, bottom: 32 };
const PLOT_HEIGHT = 170;

function svgElement(parent, name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function htmlElement(parent, name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

/* Round values to mark an axis with, about `count` of them. */
function ticks(low, high, count, bases) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = (bases || []).find((base) => base >= rough && rough > 10)
    || [1, 2, 5, 10].map((base) => base * power).find((base) => base >= rough * 0.999);
  const marks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index += 1) marks.push(index * step);
  return { marks, step };
}

function number(value, step) {
  const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)));
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

function timeText(seconds, step, long) {
  if (!long) return number(seconds, step);
  const whole = Math.floor(seconds + 1e-9);
  const rest = step < 1 ? number(seconds - whole, step).slice(1) : "";
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const tail = `${String(whole % 60).padStart(2, "0")}${rest}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

function createPlot(parent, plot, data, onSeek) {
  const box = htmlElement(parent, "div", "plot");
  box.dataset.plot = plot.key;
  const head = htmlElement(box, "div");
  const values = htmlElement(head, "div", "values");
  const title = htmlElement(head, "h3", "", `${plot.label} `);
  htmlElement(title, "span", "unit", `(${plot.unit})`);
  htmlElement(box, "p", "about", plot.text);
  const curves = plot.curves.map((curve) => ({ ...curve, time_s: curve.time_s || data.frames }));
  const measured = curves.filter((curve) => curve.values.some((value) => value !== null));
  if (!measured.length) {
    htmlElement(box, "p", "unmeasured", "could not be measured");
    return { draw() {}, point() {} };
  }
  const readouts = measured.map((curve) => htmlElement(values, "span", curve.key));
  const svg = svgElement(box, "svg", { role: "img", "aria-label": describe(plot, measured) });
  const long = data.frames[data.frames.length - 1] >= 120;
  let scale = null;
  let marks = [];

  function range(from, to) {
    let low = Infinity;
    let high = -Infinity;
    for (const curve of measured) {
      for (let index = 0; index < curve.values.length; index += 1) {
        const value = curve.values[index];
        if (value === null || curve.time_s[index] < from || curve.time_s[index] > to) continue;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    if (low > high) [low, high] = [0, 1];
    const least = plot.unit === "px" ? 2 : plot.unit === "°" ? 0.1 : 1; // less than this looks like shake that is none
    const pad = Math.max((high - low) * 0.06, (least - (high - low)) / 2);
    return [plot.low === null ? low - pad : Math.min(plot.low, low), plot.high === null ? high + pad : Math.max(plot.high, high)];
  }

  function draw(from, to) {
    const width = Math.max(260, svg.clientWidth || box.clientWidth);
    const [low, high] = range(from, to);
    const right = width - EDGE.right;
    const bottom = PLOT_HEIGHT - EDGE.bottom;
    scale = {
      from, to, right,
      x: (time) => EDGE.left + (time - from) / (to - from) * (right - EDGE.left),
      y: (value) => bottom - (value - low) / (high - low) * (bottom - EDGE.top),
      time: (x) => from + (x - EDGE.left) / (right - EDGE.left) * (to - from),
      width,
    };
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${PLOT_HEIGHT}`);
    const clip = `clip-${plot.key}`;
    svgElement(svgElement(svg, "clipPath", { id: clip }), "rect",
      { x: EDGE.left, y: EDGE.top - 3, width: right - EDGE.left, height: bottom - EDGE.top + 6 });
    drawAxes(low, high, bottom);
    const inside = svgElement(svg, "g", { "clip-path": `url(#${clip})` });
    for (const [begin, end] of data.bands) {
      svgElement(inside, "rect", { class: "band", x: scale.x(begin), y: EDGE.top,
        width: Math.max(1, scale.x(end) - scale.x(begin)), height: bottom - EDGE.top });
    }
    for (const cut of data.cuts) {
      svgElement(inside, "line", { class: "cut", x1: scale.x(cut), x2: scale.x(cut), y1: EDGE.top, y2: bottom });
    }
    for (const curve of measured) svgElement(inside, "path", { class: `curve ${curve.key}`, d: pathOf(curve) });
    const cursor = svgElement(inside, "line", { class: "cursor", x1: 0, x2: 0, y1: EDGE.top, y2: bottom });
    marks = [cursor, ...measured.map((curve) => svgElement(inside, "circle", { class: `dot ${curve.key}`, r: 4 }))];
  }

  function drawAxes(low, high, bottom) {
    const { marks: rows, step } = ticks(low, high, 4);
    for (const value of rows) {
      const y = scale.y(value);
      svgElement(svg, "line", { class: "grid", x1: EDGE.left, x2: scale.right, y1: y, y2: y });
      svgElement(svg, "text", { class: "value-tick", x: EDGE.left - 6, y: y + 4, "text-anchor": "end" }, number(value, step));
    }
    const count = Math.max(2, Math.floor(scale.width / 90));
    const { marks: columns, step: between } = ticks(scale.from, scale.to, count, [15, 30, 60, 120, 300, 600, 1200, 1800, 3600]);
    for (const time of columns) {
      const x = scale.x(time);
      svgElement(svg, "line", { class: "axis", x1: x, x2: x, y1: bottom, y2: bottom + 4 });
      svgElement(svg, "text", { class: "time-tick", x, y: bottom + 16, "text-anchor": "middle" }, timeText(time, between, long));
    }
    svgElement(svg, "line", { class: "axis", x1: EDGE.left, x2: scale.right, y1: bottom, y2: bottom });
    svgElement(svg, "text", { class: "axis-label", x: scale.right, y: bottom + 29, "text-anchor": "end" },
      long ? "time (min:s)" : "time (s)");
  }

  /* The line breaks at gaps and at cuts. Only what can be seen is drawn, and a neighbour to either side. */
  function pathOf(curve) {
    const parts = [];
    let pen = false;
    let cut = 0;
    for (let index = 0; index < curve.values.length; index += 1) {
      const time = curve.time_s[index];
      const value = curve.values[index];
      while (cut < data.cuts.length && data.cuts[cut] <= time + 1e-5) {
        pen = false;
        cut += 1;
      }
      const hidden = (curve.time_s[index + 1] ?? time) < scale.from || (curve.time_s[index - 1] ?? time) > scale.to;
      if (value === null || hidden) {
        pen = false;
        continue;
      }
      const here = `${scale.x(time).toFixed(2)} ${scale.y(value).toFixed(2)}`;
      parts.push(pen ? `L${here}` : `M${here}h0`);
      pen = true;
    }
    return parts.join("");
  }

  function point(time) {
    const [cursor, ...dots] = marks;
    const x = scale.x(time).toFixed(2);
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    measured.forEach((curve, index) => {
      const at = nearestIndex(curve.time_s, time);
      const value = curve.values[at];
      const near = value !== null && Math.abs(curve.time_s[at] - time) < 0.5;
      dots[index].setAttribute("visibility", near ? "visible" : "hidden");
      const text = near ? number(value, plot.unit === "%" || plot.unit === "px" ? 0.1 : 0.01) : "–";
      readouts[index].textContent = `${curve.label} ${text}`;
      if (!near) return;
      dots[index].setAttribute("cx", x);
      dots[index].setAttribute("cy", scale.y(value).toFixed(2));
    });
  }

  let held = false;
  const seek = (event) => {
    const place = svg.getBoundingClientRect();
    onSeek(scale.time((event.clientX - place.left) / place.width * scale.width));
  };
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    held = true;
    svg.setPointerCapture(event.pointerId);
    event.preventDefault();
    seek(event);
  });
  svg.addEventListener("pointermove", (event) => { if (held) seek(event); });
  for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, () => { held = false; });
  return { draw, point, svg };
}

function nearestIndex(times, time) {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low > 0 && time - times[low - 1] < times[low] - time ? low - 1 : low;
}

function describe(plot, curves) {
  const parts = curves.map((curve) => {
    let low = Infinity;
    let high = -Infinity;
    for (const value of curve.values) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return `${curve.label} from ${number(low, 0.01)} to ${number(high, 0.01)}`;
  });
  return `${plot.label} over time, in ${plot.unit}: ${parts.join("; ")}`;
}
