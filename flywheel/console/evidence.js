// What the promotion gate decided, and what it had seen: rates, pairs, looks.

import { h } from "./dom.js";
import { table } from "./table.js";
import { LETTERS, RESULTS, badge, because, counted, interval, percent, short } from "./words.js";

const ORDER = ["win", "faster", "both", "slower", "loss", "unknown", "neither"];

export function evidence(policy, { iteration }) {
  const { gate } = policy;
  if (!gate) return null;
  const said = gate.decision === "promote" ? badge(["Promote", "good"]) : badge(["Reject", "plain"]);
  const against = gate.live ? [" against ", h("a", { href: `#/policies/${gate.live}` }, gate.live)] : ", with no version live to compare with";
  return h("section", { "aria-labelledby": "gate" },
    h("h2", { id: "gate" }, "The gate ", said),
    h("p", {}, h("a", { href: `#/policies/${policy.policy_id}` }, policy.policy_id), against, `: ${because(gate.reason)}.`),
    table(["Task", policy.policy_id, gate.live ?? "–", "Pairs", "Failures"], policy.success.map((one) => row(one, policy, iteration)), { caption: "Success by task" }),
    looks(gate.evidence.looks ?? []));
}

function row(one, policy, iteration) {
  const live = policy.gate.live_success.find((some) => some.task === one.task);
  const letters = policy.gate.evidence.pairs?.[one.task];
  return h("tr", {},
    h("td", {}, short(one.task)), h("td", {}, rate(one)), h("td", {}, live ? rate(live) : "–"),
    h("td", {}, letters ? pairs(letters, iteration, one.task) : "–"),
    h("td", {}, failures(policy.policy_id, one, iteration), live && [h("br", {}), failures(policy.gate.live, live, iteration)]));
}

function rate(one) {
  const beside = [one.errors && `${one.errors} crashed`, one.unscored && `${one.unscored} unscored`].filter(Boolean);
  return [h("b", {}, percent(one.rate)), " ", h("small", {}, [interval(one), counted(one), ...beside].join(" · "))];
}

// A bar of all pairs, and a link to each kind that has any.
function pairs(letters, iteration, task) {
  const counts = Object.fromEntries(ORDER.map((result) => [result, 0]));
  for (const letter of letters) counts[LETTERS[letter]] += 1;
  const some = ORDER.filter((result) => counts[result] > 0);
  return h("div", { class: "pairs" },
    h("div", { class: "bar", "aria-hidden": "true" }, some.map((result) => {
      const part = h("span", { class: result });
      part.style.flexGrow = counts[result];
      return part;
    })),
    h("p", {}, some.map((result) => {
      const [name, , title] = RESULTS[result];
      return h("a", { href: `#/compare?${new URLSearchParams({ iteration, task, result })}`, title }, h("i", { class: `key ${result}`, "aria-hidden": "true" }), `${name} ${counts[result]}`);
    })));
}

function failures(policy, one, iteration) {
  const count = one.episodes - one.successes;
  if (count === 0) return h("span", { class: "quiet" }, `none of ${policy}`);
  const to = new URLSearchParams({ task: one.task, policy, source: "evaluation", outcome: "failure", iteration });
  return h("a", { href: `#/episodes?${to}` }, `${count} of ${policy}`);
}

function looks(list) {
  if (!list.length) return null;
  const heads = ["Pairs", "Test", "Won", "Lost", "z", "Bound", "z at best", "Passed"];
  const rows = list.flatMap((look) => look.tests.map((test, place) => h("tr", { class: place === 0 ? "first" : null },
    h("td", { class: "n" }, look.pairs), h("td", {}, short(test.name), look.against !== "live" && ` against the ${look.against}`), h("td", { class: "n" }, test.wins), h("td", { class: "n" }, test.losses),
    h("td", { class: "n" }, test.statistic.toFixed(2)), h("td", { class: "n" }, look.bound.toFixed(2)), h("td", { class: "n" }, test.at_best?.toFixed(2) ?? "–"), h("td", {}, test.passed ? "yes" : "no"))));
  return h("details", { class: "numbers" }, h("summary", {}, "Every look of the gate"), table(heads, rows));
}
