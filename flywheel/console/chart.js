// Success of the live version and of each candidate over iterations, on one task: points with intervals at 95%.

import { h, s } from "./dom.js";
import { counted, interval, percent, short } from "./words.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [380, 214, 40, 14, 10, 26];
const APART = 5;
const MOST = 40;

// Policies, oldest first -> per task, what was seen of both versions in each iteration.
export function seriesOf(policies) {
  const judged = [...policies].filter((one) => one.success.length).sort((a, b) => a.iteration - b.iteration).slice(-MOST);
  const tasks = [...new Set(judged.flatMap((one) => one.success.map((some) => some.task)))].sort();
  return tasks.map((task) => ({ task, points: judged.flatMap((one) => pointsOf(one, task)) }));
}

function pointsOf(policy, task) {
  const of = (list) => list?.find((one) => one.task === task && one.rate !== null);
  const { iteration, gate } = policy;
  const candidate = of(policy.success);
  const live = of(gate?.live_success);
  return [
    live && { ...live, iteration, who: "live", policy: gate.live },
    candidate && { ...candidate, iteration, who: "candidate", policy: policy.policy_id, promoted: gate?.decision === "promote" },
  ].filter(Boolean);
}

export function lowest(series) {
  const least = Math.min(1, ...series.flatMap(({ points }) => points.map((one) => one.lower)));
  return Math.min(0.9, Math.floor(least * 10) / 10);
}

export function successChart({ task, points }, { from, first, last }) {
  const x = (one) => LEFT + 16 + ((WIDTH - LEFT - RIGHT - 32) * (one.iteration - first)) / Math.max(1, last - first);
  const y = (share) => TOP + ((HEIGHT - TOP - BOTTOM) * (1 - share)) / (1 - from);
  const place = (one) => x(one) + (one.who === "live" ? -APART : APART);
  const live = points.filter((one) => one.who === "live");
  return h("figure", { class: "chart" },
    h("figcaption", {}, h("a", { href: `#/episodes?${new URLSearchParams({ task, source: "evaluation" })}`, title: `Evaluation episodes of ${task}` }, short(task))),
    s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": `Success on ${task} by iteration; the table below has the numbers` },
      levels(from).map((share) => s("g", { class: "level", "aria-hidden": "true" },
        s("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(share), y2: y(share) }),
        s("text", { x: LEFT - 8, y: y(share) + 4, "text-anchor": "end" }, percent(share)))),
      ticks(first, last).map((iteration) => s("text", { class: "tick", "aria-hidden": "true", x: x({ iteration }), y: HEIGHT - 6, "text-anchor": "middle" }, iteration)),
      s("polyline", { class: "path", points: live.map((one) => `${place(one)},${y(one.rate)}`).join(" ") }),
      points.map((one) => point(one, task, place(one), y))));
}

function point(one, task, x, y) {
  const kind = one.who === "live" ? "live" : one.promoted ? "candidate promoted" : "candidate";
  const words = told(one);
  const to = new URLSearchParams({ task, policy: one.policy, source: "evaluation", outcome: "failure", iteration: one.iteration });
  return s("a", { href: `#/episodes?${to}`, class: `point ${kind}`, "aria-label": `${words.join(", ")}. Its failures`, ...tipped(words) },
    s("line", { x1: x, x2: x, y1: y(one.lower), y2: y(one.upper) }),
    [one.lower, one.upper].map((end) => s("line", { x1: x - 3, x2: x + 3, y1: y(end), y2: y(end) })),
    mark(one.who, x, y(one.rate)),
    s("rect", { class: "reach", x: x - APART, y: y(one.upper) - 8, width: 2 * APART, height: y(one.lower) - y(one.upper) + 16 }));
}

export function mark(who, x, y) {
  return who === "live" ? s("circle", { cx: x, cy: y, r: 4 }) : s("path", { d: `M${x} ${y - 5.5}L${x + 5.5} ${y}L${x} ${y + 5.5}L${x - 5.5} ${y}Z` });
}

function told(one) {
  const name = one.who === "live" ? "live version" : one.promoted ? "candidate, promoted" : "candidate, not promoted";
  const beside = [one.errors && `${one.errors} crashed`, one.unscored && `${one.unscored} unscored`].filter(Boolean);
  return [`${percent(one.rate)} (${interval(one)})`, `${counted(one)} episodes`, `${one.policy}: ${name}`, `iteration ${one.iteration}`, ...beside];
}

// A tooltip on hover and on focus; SVG's own title comes late and never for the keyboard.
function tipped([first, ...more]) {
  let tip = null;
  const hide = () => { tip?.remove(); tip = null; };
  function show(event) {
    hide();
    tip = h("div", { class: "tip", "aria-hidden": "true" }, h("b", {}, first), more.map((line) => h("span", {}, line)));
    document.body.append(tip);
    const at = event.currentTarget.getBoundingClientRect();
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.min(Math.max(8, at.x + at.width / 2 - width / 2), innerWidth - width - 8)}px`;
    tip.style.top = `${at.y - height - 8 > 0 ? at.y - height - 8 : at.bottom + 8}px`;
    addEventListener("hashchange", hide, { once: true });
  }
  return { onpointerenter: show, onpointerleave: hide, onfocus: show, onblur: hide };
}

function levels(from) {
  const step = from >= 0.5 ? 0.1 : from >= 0.2 ? 0.2 : 0.25;
  const found = [];
  for (let share = 1; share > from - 0.001; share -= step) found.push(Math.max(0, share));
  return found;
}

function ticks(first, last) {
  const step = Math.max(1, Math.ceil((last - first + 1) / 12));
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, place) => first + place * step);
}
