// The CPU and memory charts (Chart.js), and the small lines under the main figures (SVG).

import {bytes, clock, day, percent} from "./format.js";

/* global Chart */

const MOST_POINTS = 360;
const charts = new Map();  // canvas -> Chart

const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Averages the points over equal time spans. Adds a null where data is missing, so that the curve has a gap there.
export function thin(points, from, to) {
  const span = (to - from) / MOST_POINTS;
  const gaps = points.slice(1).map((point, i) => point.x - points[i].x).sort((a, b) => a - b);
  const usual = gaps.length > 0 ? gaps[Math.floor(gaps.length * 0.9)] : 0;
  const result = [];
  let bucket = [];
  const flush = () => {
    if (bucket.length === 0) return;
    const mean = key => bucket.reduce((total, point) => total + point[key], 0) / bucket.length;
    result.push({x: mean("x"), y: mean("y")});
    bucket = [];
  };
  for (const point of points) {
    const last = bucket[bucket.length - 1] ?? result[result.length - 1];
    if (last && point.x - last.x > Math.max(3 * usual, 2 * span)) {
      flush();
      result.push({x: (last.x + point.x) / 2, y: null});
    } else if (bucket.length > 0 && point.x - bucket[0].x >= span) {
      flush();
    }
    bucket.push(point);
  }
  flush();
  return result;
}

function timeTick(ms, hours) {
  if (hours <= 24) return clock(ms);
  return day(ms);
}

// Ticks at round local times: every 15 minutes, 6 hours or day.
function timeTicks(from, to, hours) {
  const step = hours <= 1 ? 15 * 60e3 : hours <= 24 ? 6 * 3600e3 : 24 * 3600e3;
  const start = new Date(from);
  start.setHours(0, 0, 0, 0);
  const ticks = [];
  for (let at = start.getTime(); at <= to; at += step) {
    if (at >= from) ticks.push({value: at});
  }
  return ticks;
}

// A step for the memory axis that is a power of two.
function byteStep(max) {
  let step = 1024;
  while (max / step > 4) step *= 2;
  return step;
}

// series: [{label, points: [{x: ms, y}], color: "--accent", fill}]
export function draw(canvas, kind, series, from, to, hours) {
  charts.get(canvas)?.destroy();
  const show = kind === "cpu" ? value => percent(value / 100) : bytes;
  const tick = kind === "cpu" ? value => `${Number(value.toFixed(1))} %` : bytes;
  const max = Math.max(0, ...series.flatMap(one => one.points.map(point => point.y ?? 0)));
  const top = kind === "cpu" ? Math.max(10, max * 1.1) : Math.max(1, max * 1.1);
  const grid = color("--line");
  const text = color("--soft");
  charts.set(canvas, new Chart(canvas, {
    type: "line",
    data: {
      datasets: series.map(one => ({
        label: one.label,
        order: one.fill ? 1 : 0,  // the filled one behind
        data: one.points,
        borderColor: color(one.color),
        backgroundColor: one.fill ? color("--accent-wash") : "transparent",
        fill: one.fill ? "origin" : false,
        borderWidth: 1.75,
        pointRadius: one.points.length === 1 ? 3 : 0,
        pointHoverRadius: 4,
        pointBackgroundColor: color(one.color),
        tension: 0.15,
        spanGaps: false,
      })),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      parsing: false,
      normalized: true,
      interaction: {mode: "index", intersect: false},
      scales: {
        x: {
          type: "linear", min: from, max: to,
          grid: {display: false, borderColor: grid},
          ticks: {color: text, maxRotation: 0, font: {size: 11}, callback: value => timeTick(value, hours)},
          afterBuildTicks: axis => { axis.ticks = timeTicks(from, to, hours); },
        },
        y: {
          min: 0, max: kind === "cpu" ? undefined : Math.ceil(top / byteStep(top)) * byteStep(top),
          suggestedMax: kind === "cpu" ? top : undefined,
          grid: {color: grid, borderColor: "transparent", drawTicks: false},
          ticks: {color: text, padding: 8, maxTicksLimit: 5, font: {size: 11}, callback: tick,
                  stepSize: kind === "cpu" ? undefined : byteStep(top)},
        },
      },
      plugins: {
        legend: {display: false},
        tooltip: {
          displayColors: false,
          callbacks: {
            title: items => `${day(items[0].parsed.x)}, ${clock(items[0].parsed.x)}`,
            label: item => `${item.dataset.label}: ${show(item.parsed.y)}`,
          },
        },
      },
    },
  }));
}

// A small line of the last minutes.
export function spark(points) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 100 24");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const values = points.filter(point => Number.isFinite(point.y));
  if (values.length > 1) {
    const to = values[values.length - 1].x;
    const from = Math.min(values[0].x, to - 60e3);
    const high = Math.max(...values.map(point => point.y));
    const low = Math.min(...values.map(point => point.y));
    const room = Math.max(high - low, high * 0.1, 1e-9);
    const line = values.map(({x, y}) =>
      `${(100 * (x - from) / (to - from)).toFixed(2)} ${(22 - 20 * (y - low) / room).toFixed(2)}`);
    const first = (100 * (values[0].x - from) / (to - from)).toFixed(2);
    for (const [name, path] of [["area", `M${first} 24L${line.join("L")}L100 24Z`], ["line", `M${line.join("L")}`]]) {
      const node = document.createElementNS(space, "path");
      node.setAttribute("class", name);
      node.setAttribute("d", path);
      svg.append(node);
    }
  }
  return svg;
}
