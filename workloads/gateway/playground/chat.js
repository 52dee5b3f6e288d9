// Several models, one question: each has a column with its own conversation and figures.

import { Column } from "./column.js";
import { byId, el, tell } from "./dom.js";

const MOST = 4; // side by side
const columns = new Map(); // by model, in the order they were chosen
let prices = new Map();

/** Offer the models; the first two are chosen. */
export function openChat(found) {
  prices = new Map(found.map((model) => [model.id, model.price]));
  byId("models").replaceChildren(...found.map((model) => chip(model.id)));
  if (found.length === 0) tell(byId("hint"), "This key may use no model.");
  for (const model of found.slice(0, 2)) choose(model.id, true);
}

export function stopAll() {
  for (const column of columns.values()) column.stop();
}

function chip(model) {
  const box = el("input", { type: "checkbox", value: model });
  box.addEventListener("change", () => choose(model, box.checked));
  return el("label", { className: "chip" }, box, el("span", {}, model));
}

function choose(model, wanted) {
  if (wanted && !columns.has(model)) {
    const column = new Column(model, prices, { changed, close: () => choose(model, false) });
    columns.set(model, column);
    byId("columns").append(column.element);
  } else if (!wanted && columns.has(model)) {
    columns.get(model).stop();
    columns.get(model).element.remove();
    columns.delete(model);
  }
  const full = columns.size >= MOST;
  for (const box of byId("models").querySelectorAll("input")) {
    box.checked = columns.has(box.value);
    box.disabled = full && !box.checked;
  }
  byId("columns").dataset.count = columns.size;
  changed();
}

/** The buttons say what can be done now. */
function changed() {
  const busy = [...columns.values()].some((column) => column.busy);
  byId("send").hidden = busy;
  byId("stop").hidden = !busy;
  byId("send").disabled = columns.size === 0;
  if (prices.size) tell(byId("hint"), columns.size ? "" : "Choose a model above.");
}

function send() {
  const question = byId("question").value.trim();
  if (!question || columns.size === 0 || !byId("stop").hidden) return;
  const settings = { max_tokens: Number(byId("max-tokens").value) || 512 };
  const temperature = byId("temperature").value;
  if (temperature !== "") settings.temperature = Number(temperature);
  const system = byId("system").value.trim();
  for (const column of columns.values()) column.ask(question, system, settings);
  byId("question").value = "";
  grow();
}

function grow() {
  const box = byId("question");
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight + 2, 200)}px`;
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
byId("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
byId("question").addEventListener("input", grow);
byId("stop").addEventListener("click", stopAll);
byId("clear").addEventListener("click", () => {
  for (const column of columns.values()) column.clear();
});
