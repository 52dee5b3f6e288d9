// Two charts in SVG, drawn for the width there is. The table below them says the same in words.

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = 8;

export const colour = (index) => `c${index % COLOURS}`;

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const text = (x, y, content, anchor = "start") => svg("text", { x, y, "text-anchor": anchor }, content);
const titled = (shape, title) => (shape.append(svg("title", {}, title)), shape);

/** A round number at or above the largest value, in steps that read well. */
function ceiling(largest) {
  if (largest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  return [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= largest * 0.999999) * power;
}

/**
 * Bars over days, each a pile of parts. `series`: [{name, values: one a day}], all of one length.
 * `format` makes a figure readable, `label` says what the chart is.
 */
export function piles({ width, days, series, format, label }) {
  const height = 230, left = 64, bottom = 24, top = 10;
  const inner = { width: width - left - 4, height: height - bottom - top };
  const totals = days.map((_, i) => series.reduce((sum, one) => sum + one.values[i], 0));
  const most = ceiling(Math.max(...totals, 0));
  const y = (value) => top + inner.height * (1 - value / most);
  const chart = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const share of [0, 0.5, 1]) {
    const at = y(most * share);
    chart.append(svg("line", { class: "grid", x1: left, x2: width - 4, y1: at, y2: at }), text(left - 8, at + 4, format(most * share), "end"));
  }
  const step = inner.width / days.length;
  const gap = step > 6 ? Math.min(6, step * 0.2) : 0.5;
  const every = Math.ceil(days.length / Math.max(1, Math.floor(inner.width / 64)));
  days.forEach((day, i) => {
    const x = left + i * step;
    let base = 0;
    series.forEach((one, index) => {
      const value = one.values[i];
      if (!value) return;
      const [from, to] = [y(base), y(base + value)];
      base += value;
      const box = { class: colour(index), x: x + gap / 2, y: to, width: Math.max(1, step - gap), height: Math.max(0.5, from - to) };
      chart.append(titled(svg("rect", box), `${day}, ${one.name}: ${format(value)}`));
    });
    if (i % every === 0) chart.append(text(x + step / 2, height - 6, day.slice(5), "middle"));
  });
  return chart;
}

/** Lying bars, the longest first: `rows` are [{name, value, colour}]. */
export function ranks({ width, rows, format, label }) {
  const row = 44, height = rows.length * row;
  const most = Math.max(...rows.map((one) => one.value), 0) || 1;
  const chart = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  rows.forEach((one, i) => {
    const y = i * row;
    const length = Math.max(2, (one.value / most) * (width - 2));
    const bar = svg("rect", { class: one.colour, x: 0, y: y + 20, width: length, height: 12, rx: 3 });
    chart.append(text(0, y + 13, one.name), text(width - 2, y + 13, format(one.value), "end"), titled(bar, `${one.name}: ${format(one.value)}`));
  });
  return chart;
}
