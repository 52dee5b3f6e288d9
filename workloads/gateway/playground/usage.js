// What was used and spent: totals, charts by day, model and tenant, and the rows themselves.

import { usage } from "./api.js";
import { colour, piles, ranks } from "./chart.js";
import { byId, compact, count, el, sentence, tell, usd } from "./dom.js";

const MEASURES = {
  cost_usd: { title: "Cost", format: usd, of: (row) => row.cost_usd },
  tokens: { title: "Tokens", format: compact, of: (row) => row.input_tokens + row.output_tokens + row.cache_read_tokens + row.cache_write_tokens },
  requests: { title: "Requests", format: compact, of: (row) => row.requests },
};
let loaded = null;

const day = (date) => date.toISOString().slice(0, 10); // the ledger's days are UTC's

/** Begin with the last 30 days. */
export function openUsage() {
  const now = new Date();
  byId("to").value = day(now);
  byId("from").value = day(new Date(now.getTime() - 29 * 86_400_000));
}

/** Ask the gateway, and show what it says. */
export async function showUsage() {
  try {
    loaded = await usage(byId("from").value, byId("to").value);
    tell(byId("usage-error"), "");
  } catch (error) {
    loaded = null;
    tell(byId("usage-error"), sentence(error.message));
  }
  draw();
}

function draw() {
  for (const part of ["figures", "charts", "table"]) byId(part).replaceChildren();
  if (loaded === null) return;
  const rows = loaded.data;
  byId("figures").append(...figures(rows));
  if (rows.length === 0) {
    byId("charts").append(el("p", { className: "empty" }, "Nothing was used on these days."));
    return;
  }
  const measure = MEASURES[byId("period").elements.measure.value];
  const models = ranked(rows, "model", measure);
  const hue = new Map(models.map(([model], index) => [model, colour(index)]));
  const { title, format } = measure;
  const days = allDays(loaded.from, loaded.to);
  const series = models.map(([name]) => ({ name, values: perDay(rows.filter((row) => row.model === name), days, measure) }));
  card(`${title} by day`, (width, label) => piles({ width, days, series, format, label }), legend(models, hue));
  const bars = (pairs, paint) => pairs.map(([name, value]) => ({ name, value, colour: paint(name) }));
  card(`${title} by model`, (width, label) => ranks({ width, rows: bars(models, (name) => hue.get(name)), format, label }));
  if (loaded.all_tenants) {
    const tenants = ranked(rows, "tenant", measure);
    card(`${title} by tenant`, (width, label) => ranks({ width, rows: bars(tenants, () => colour(0)), format, label }));
  }
  byId("table").append(table(rows));
}

function figures(rows) {
  const sum = (of) => rows.reduce((total, row) => total + of(row), 0);
  const facts = [
    ["Cost", usd(sum(MEASURES.cost_usd.of))],
    ["Requests", count(sum((row) => row.requests))],
    ["Tokens in", compact(sum((row) => row.input_tokens + row.cache_read_tokens + row.cache_write_tokens))],
    ["Tokens out", compact(sum((row) => row.output_tokens))],
  ];
  const unsettled = sum((row) => row.unsettled);
  if (unsettled) facts.push(["Cut off, not counted", count(unsettled)]);
  return facts.map(([name, value]) => el("div", { className: "figure" }, el("small", {}, name), el("b", {}, value)));
}

/** Totals of the measure by a field, the largest first. */
function ranked(rows, field, measure) {
  const totals = new Map();
  for (const row of rows) totals.set(row[field], (totals.get(row[field]) ?? 0) + measure.of(row));
  return [...totals].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

function allDays(from, to) {
  const days = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += 86_400_000) days.push(day(new Date(at)));
  return days;
}

function perDay(rows, days, measure) {
  const totals = new Map();
  for (const row of rows) totals.set(row.day, (totals.get(row.day) ?? 0) + measure.of(row));
  return days.map((one) => totals.get(one) ?? 0);
}

/** A chart in a card, drawn anew when the card's width changes. */
function card(title, chart, ...more) {
  const place = el("div", { className: "plot" });
  byId("charts").append(el("figure", { className: "card" }, el("figcaption", {}, title), place, ...more));
  const label = `${title}, ${loaded.from} to ${loaded.to}. The table below has the figures.`;
  let drawn = 0;
  new ResizeObserver(([{ contentRect }]) => {
    const width = Math.floor(contentRect.width);
    if (width < 50 || width === drawn) return;
    drawn = width;
    place.replaceChildren(chart(width, label));
  }).observe(place);
}

const legend = (models, hue) =>
  el("ul", { className: "legend" }, ...models.map(([name]) => el("li", {}, el("i", { className: hue.get(name) }), name)));

function table(rows) {
  const names = ["Day", "Tenant", "Model", "Requests", "Input", "Cache read", "Cache write", "Output", "Cost"];
  const cells = (row) => [
    row.day, row.tenant, row.model, count(row.requests), count(row.input_tokens), count(row.cache_read_tokens),
    count(row.cache_write_tokens), count(row.output_tokens), usd(row.cost_usd),
  ];
  const line = (tag, values) => el("tr", {}, ...values.map((value) => el(tag, tag === "th" ? { scope: "col" } : {}, value)));
  const body = rows.toReversed().map((row) => line("td", cells(row)));
  const whole = el("table", {}, el("caption", {}, "By day, tenant and model"), el("thead", {}, line("th", names)), el("tbody", {}, ...body));
  return el("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "By day, tenant and model" }, whole);
}

byId("period").addEventListener("submit", (event) => {
  event.preventDefault();
  showUsage();
});
byId("period").addEventListener("change", (event) => {
  if (event.target.name === "measure") draw();
  else showUsage();
});
