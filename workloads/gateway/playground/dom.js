// Elements, and figures as people read them.

/** An element with properties, attributes (aria-*, data-*, role, for) and children. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Show text in an element, or hide it where there is none. */
export function tell(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

/** A message as a sentence of its own. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (number) => whole.format(number);
export const compact = (number) => (number < 10_000 ? whole.format(number) : short.format(number));

/** USD with as many digits as tell something: $12.30, $0.0042, $0.00000031. */
export function usd(amount) {
  if (amount === 0) return "$0";
  if (amount >= 1) return `$${amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  const digits = Math.min(12, 1 - Math.floor(Math.log10(amount)));
  return `$${amount.toFixed(digits).replace(/0+$/, "")}`;
}

export const seconds = (milliseconds) =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
