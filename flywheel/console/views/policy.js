// One version: what it was made from, how it was judged, where it stands.

import { mayOperate, promotePolicy, retirePolicy, rollBack } from "../acts.js";
import { get } from "../api.js";
import { fill, h, say } from "../dom.js";
import { evidence } from "../evidence.js";
import { rates } from "../success.js";
import { table } from "../table.js";
import { words } from "../trouble.js";
import { STATUSES, badge, because, number, person, short, when } from "../words.js";

export async function policy(view) {
  const { name: id, signal } = view;
  const one = await get(["policies", id], {}, signal);
  const { items: deployments } = await get(["deployments"], { policy_id: id }, signal);
  return [
    h("p", { class: "crumbs" }, h("a", { href: "#/policies" }, "Policies")),
    h("div", { class: "title" }, h("h1", { "data-title": id }, id, badge(STATUSES[one.status])), actions(view, one)),
    one.retirement && h("p", { class: "reason" }, "Retired ", when(one.retirement.at), " by ", person(one.retirement.by), `: ${one.retirement.reason}`),
    h("dl", { class: "facts" },
      fact("Trained in", h("a", { href: `#/iterations/${one.iteration}` }, `iteration ${one.iteration}`)),
      fact("Trained from", one.parent ? h("a", { href: `#/policies/${one.parent}` }, one.parent) : "fresh weights"),
      fact("Data", Object.entries(one.trained_on).map(([name, version]) => `${name} at version ${version}`).join(", ")),
      one.recalls.length > 0 && fact("Recalls left out", one.recalls.join(", ")),
      fact("Weights", h("code", { title: one.digest }, one.digest.slice(0, 12))),
      one.contract && fact("Contract", h("code", { title: one.contract }, one.contract.slice(0, 12)))),
    one.success.length > 0 && !one.gate?.live && h("section", { "aria-labelledby": "success" }, h("h2", { id: "success" }, "Success in its evaluation"), rates(one.success)),
    evidence(one, { iteration: one.iteration }),
    deployments.length > 0 && h("section", { "aria-labelledby": "deployed" }, h("h2", { id: "deployed" }, "Deployments"),
      table(["When", "Instead of", "By", "Why"], deployments.map((some) => h("tr", {}, h("td", {}, when(some.at)), h("td", {}, some.previous ?? "–"), h("td", {}, person(some.by)), h("td", { class: "why" }, because(some.reason)))))),
    lineage(id, signal),
    h("p", {}, h("a", { href: `#/episodes?policy=${encodeURIComponent(id)}` }, "Its episodes")),
  ];
}

const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

function actions(view, one) {
  if (!mayOperate(view.me)) return null;
  const button = (name, kind, act) => h("button", { type: "button", class: kind, onclick: () => then(act()) }, name);
  async function then(asked) {
    const made = await asked.catch((failure) => say(failure.message));
    if (made) view.refresh();
  }
  if (one.status === "retired") return null;
  if (one.status === "live") return h("div", { class: "actions" }, button("Roll back", "plain", rollBack));
  return h("div", { class: "actions" }, button("Promote", "primary", () => promotePolicy(one.policy_id)), button("Retire", "plain", () => retirePolicy(one.policy_id)));
}

// Reads much in the service, so only when somebody asks.
function lineage(id, signal) {
  const place = h("div", {});
  async function show(event) {
    if (!event.target.open || place.children.length) return;
    fill(place, h("p", { class: "quiet" }, "Counting its data …"));
    try {
      fill(place, told(await get(["policies", id, "lineage"], {}, signal)));
    } catch (failure) {
      if (!signal.aborted) fill(place, words(failure));
    }
  }
  return h("details", { class: "numbers", ontoggle: show }, h("summary", {}, "What it was trained on"), place);
}

function told(found) {
  const children = found.children.map((id) => h("a", { href: `#/policies/${id}` }, id)).flatMap((link, place) => (place ? [", ", link] : [link]));
  return [
    h("p", {}, "Its weights went on to: ", children.length ? children : "no other version", "."),
    found.unreadable && h("p", { class: "reason" }, found.unreadable),
    found.episodes && table(["Made by", "Source", "Task", "Outcome", "Episodes"], found.episodes.map((one) => h("tr", {},
      h("td", {}, one.behaviour_policy), h("td", {}, one.source), h("td", {}, short(one.task)), h("td", {}, one.outcome), h("td", { class: "n" }, number(one.episodes))))),
    found.excluded > 0 && h("p", {}, `${number(found.excluded)} labelled episodes were left out by recalls.`),
  ];
}
