// Episodes, found by what they are.

import { get } from "../api.js";
import { h } from "../dom.js";
import { pages } from "../table.js";
import { OUTCOMES, SOURCES, badge, duration, short } from "../words.js";

const FILTERS = ["task", "policy", "at", "source", "outcome", "iteration"];
const HEADS = ["Episode", "Outcome", "Made by", "Source", "Iteration", "Decisions", "Time to success"];

export async function episodes({ query, signal }) {
  const wanted = Object.fromEntries(FILTERS.filter((name) => query[name]).map((name) => [name, query[name]]));
  const [{ items: tasks }, { items: versions }] = await Promise.all([get(["tasks"], { page_size: 500 }, signal), get(["policies"], { page_size: 50 }, signal)]);
  const list = await pages(["episodes"], wanted, {
    heads: HEADS, row, signal, caption: "Episodes, those of later iterations first",
    empty: FILTERS.some((name) => wanted[name]) ? "No episode is like this. Loosen a filter." : "There are no episodes yet. The first iteration takes demonstrations in.",
  });
  return [h("h1", {}, "Episodes"), filters(wanted, tasks.map((one) => one.name), versions.map((one) => one.policy_id)), list];
}

function filters(wanted, tasks, versions) {
  const select = (name, label, options) => h("label", { class: "field" }, h("span", {}, label), h("select", { name },
    h("option", { value: "" }, "any"), options.map(([value, words]) => h("option", { value, selected: value === wanted[name] }, words))));
  const also = (name, list) => (wanted[name] && !list.includes(wanted[name]) ? [wanted[name], ...list] : list);
  function go(event) {
    const form = event.currentTarget;
    const given = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
    // A time belongs to a place that changes hands.
    if (wanted.at && given.policy === wanted.policy) given.at = wanted.at;
    location.hash = `#/episodes?${new URLSearchParams(given)}`;
  }
  const at = wanted.at && h("p", { class: "note wide" }, `By the version that was ${wanted.policy} at ${moment(wanted.at)}. `, h("a", { href: "#/episodes" }, "All episodes"));
  return h("form", { class: "filters", "aria-label": "Filters", onchange: go, onsubmit: (event) => { event.preventDefault(); go(event); } },
    select("task", "Task", also("task", tasks).map((name) => [name, short(name)])),
    select("outcome", "Outcome", Object.entries(OUTCOMES).map(([value, [words]]) => [value, words.toLowerCase()])),
    select("policy", "Made by", also("policy", ["live", "candidate", ...versions, "demonstrator"]).map((id) => [id, PLACES[id] ?? id])),
    select("source", "Source", SOURCES.map((name) => [name, name])),
    h("label", { class: "field" }, h("span", {}, "Iteration"), h("input", { name: "iteration", type: "number", min: 0, value: wanted.iteration ?? "", placeholder: "any" })),
    at);
}

const PLACES = { live: "the live version", candidate: "the newest candidate" };

function moment(at) {
  const date = new Date(/^\d+$/.test(at) ? Number(at) : at);
  return Number.isNaN(date.getTime()) ? at : date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

function row(one) {
  return h("tr", {},
    h("td", {}, h("a", { class: "row", href: `#/episodes/${encodeURIComponent(one.episode_id)}`, title: one.episode_id }, `${short(one.task)} · ${one.seed}`)),
    h("td", {}, badge(OUTCOMES[one.outcome])), h("td", {}, one.behaviour_policy), h("td", {}, one.source),
    h("td", { class: "n" }, one.iteration), h("td", { class: "n" }, one.num_decisions),
    h("td", { class: "n" }, one.time_to_success_s === null ? "–" : duration(one.time_to_success_s)));
}
