// Success over iterations, as charts and as a table, and of one version as rows.

import { lowest, mark, seriesOf, successChart } from "./chart.js";
import { h, s } from "./dom.js";
import { table } from "./table.js";
import { counted, interval, percent, short } from "./words.js";

export function successSection(policies) {
  const series = seriesOf(policies);
  const iterations = series.flatMap(({ points }) => points.map((one) => one.iteration));
  if (!iterations.length) {
    return h("section", { "aria-labelledby": "success" }, h("h2", { id: "success" }, "Success"),
      h("p", { class: "empty" }, "No version was evaluated yet. The first iteration pretrains one on demonstrations and evaluates it."));
  }
  const range = { from: lowest(series), first: Math.min(...iterations), last: Math.max(...iterations) };
  return h("section", { "aria-labelledby": "success" },
    h("h2", { id: "success" }, "Success"),
    h("ul", { class: "legend" },
      entry("live", "the live version"), entry("candidate promoted", "a candidate, promoted"), entry("candidate", "a candidate, not promoted"),
      h("li", { class: "quiet" }, "both on the same initial states of an iteration; bars are intervals at 95%")),
    h("div", { class: "charts" }, series.map((one) => successChart(one, range))),
    h("details", { class: "numbers" }, h("summary", {}, "The same as a table"), numbers(series)));
}

function entry(kind, words) {
  return h("li", {}, s("svg", { viewBox: "0 0 16 16", width: 16, height: 16, class: `point ${kind}`, "aria-hidden": "true" }, mark(kind.split(" ")[0], 8, 8)), words);
}

function numbers(series) {
  const rows = series.flatMap(({ task, points }) => [...points].reverse().map((one) => h("tr", {},
    h("td", {}, short(task)), h("td", { class: "n" }, one.iteration), h("td", {}, one.who), h("td", {}, h("a", { href: `#/policies/${one.policy}` }, one.policy)),
    h("td", { class: "n" }, percent(one.rate)), h("td", { class: "n" }, interval(one)), h("td", { class: "n" }, counted(one)))));
  const heads = ["Task", "Iteration", "Place", "Version", "Success", "Interval at 95%", "Episodes"];
  return table(heads, rows, { caption: "Success by task, iteration and version" });
}

// One version's success by task: the rate, its interval as a bar from 0 to 100%, and n.
export function rates(list) {
  return h("ul", { class: "rates" }, list.map((one) => h("li", {},
    h("span", {}, short(one.task)),
    s("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      s("rect", { class: "track", x: 0, y: 4, width: 100, height: 2 }),
      one.rate !== null && s("rect", { class: "span", x: 100 * one.lower, y: 2.5, width: 100 * (one.upper - one.lower), height: 5 }),
      one.rate !== null && s("rect", { class: "rate", x: Math.min(98.8, 100 * one.rate - 0.6), y: 0, width: 1.2, height: 10 })),
    h("b", {}, percent(one.rate)),
    h("small", {}, one.rate === null ? "not scored" : `${interval(one)} · n ${one.episodes}`))));
}

export function mean(list) {
  const known = list.filter((one) => one.rate !== null);
  return known.length ? known.reduce((sum, one) => sum + one.rate, 0) / known.length : null;
}
