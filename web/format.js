// Formats figures for people. Every function takes numbers and returns text; "–" means that a figure could not be read.

const NONE = "–";
const SPACE = "\u00a0";  // a figure and its unit stay on one line
const number = new Intl.NumberFormat("en");

export function count(value) {
  return value === undefined || value === null ? NONE : number.format(value);
}

export function plural(value, one, many) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

// {value: "90", unit: "MiB"}
export function bytesParts(value) {
  if (value === undefined || value === null) return {value: NONE, unit: ""};
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (Math.abs(value) >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    ++unit;
  }
  return {value: value < 10 && unit > 0 ? value.toFixed(1) : value.toFixed(0), unit: units[unit]};
}

export function bytes(value) {
  const parts = bytesParts(value);
  return parts.unit ? `${parts.value}${SPACE}${parts.unit}` : parts.value;
}

// A CPU ratio (1 is one full core) in percent.
export function percentOf(ratio) {
  if (ratio === undefined || ratio === null) return NONE;
  const value = ratio * 100;
  return value > 0 && value < 9.95 ? value.toFixed(1) : number.format(Math.round(value));
}

export function percent(ratio) {
  return `${percentOf(ratio)}${SPACE}%`;
}

// "1 h 10 min", "3 d 4 h", "45 s": the two largest units.
export function duration(seconds) {
  if (seconds === undefined || seconds === null) return NONE;
  const s = Math.max(0, Math.round(seconds));
  const two = (a, unitA, b, unitB) => [a, unitA, ...(b ? [b, unitB] : [])].join(SPACE);
  if (s < 60) return `${s}${SPACE}s`;
  if (s < 600) return two(Math.floor(s / 60), "min", s % 60, "s");
  if (s < 3600) return `${Math.round(s / 60)}${SPACE}min`;
  const minutes = Math.round(s / 60);
  if (minutes < 24 * 60) return two(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(s / 3600);
  return two(Math.floor(hours / 24), "d", hours % 24, "h");
}

// A rate per minute, hour or day: the first of them in which it is at least (about) `least`. "12 open files a minute".
export function rate(perSecond, least, amount) {
  for (const [seconds, name] of [[60, "a minute"], [3600, "an hour"], [86400, "a day"]]) {
    if (perSecond * seconds >= 0.95 * least || seconds === 86400) return `${amount(perSecond * seconds)} ${name}`;
  }
  return "";
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB", {hour: "2-digit", minute: "2-digit"});
}

export function day(ms) {
  return new Date(ms).toLocaleDateString("en-GB", {weekday: "short", day: "numeric", month: "short"});
}

// Creates an element. Text is never parsed as markup, so a name may contain anything.
export function el(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === false) continue;
    if (key === "class") node.className = value;
    else if (key === "share") node.style.setProperty("--share", String(Math.min(1, Math.max(0, value || 0))));
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter(child => child !== undefined && child !== null && child !== ""));
  return node;
}

// A figure as text, with the exact value as an attribute for machines.
export function figure(value, text, properties) {
  return value === undefined || value === null ? el("span", properties, text)
                                               : el("data", {...properties, value}, text);
}
