// Candidate and live version from the same initial state, side by side and in step.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { together } from "../together.js";
import { video } from "../video.js";
import { OUTCOMES, RESULTS, badge, duration, short } from "../words.js";

export async function compare({ query, signal, me }) {
  const { iteration, task, result, seed } = query;
  if (!iteration) return choose(signal);
  const { items: pairs } = await get(["iterations", iteration, "pairs"], { task, result, page_size: 500 }, signal);
  const heading = [
    h("p", { class: "crumbs" }, h("a", { href: `#/iterations/${iteration}` }, `Iteration ${iteration}`)),
    h("h1", {}, "Candidate and live version"),
  ];
  if (!pairs.length) return [heading, choice(query, []), h("p", { class: "empty" }, "No pair of this iteration is like this, or the table no longer holds its episodes.")];
  const place = Math.max(0, pairs.findIndex((one) => String(one.seed) === seed && (!query.of || one.task === query.of)));
  const pair = pairs[place];
  return [heading, choice(query, pairs), stepper(query, pairs, place), await sides(pair, signal)];
}

async function choose(signal) {
  const { items } = await get(["policies"], { page_size: 50 }, signal);
  const judged = items.filter((one) => one.gate?.live);
  return [h("h1", {}, "Candidate and live version"), judged.length
    ? h("ul", {}, judged.map((one) => h("li", {}, h("a", { href: `#/compare?iteration=${one.iteration}` }, `Iteration ${one.iteration}: ${one.policy_id} against ${one.gate.live}`))))
    : h("p", { class: "empty" }, "No candidate was compared with a live version yet. From the second iteration on, each is.")];
}

const at = (query, changes) => `#/compare?${new URLSearchParams(Object.entries({ ...query, ...changes }).filter(([, value]) => value))}`;

function choice(query, pairs) {
  const tasks = [...new Set([query.task, ...pairs.map((one) => one.task)].filter(Boolean))].sort();
  const select = (name, label, options) => h("label", { class: "field" }, h("span", {}, label),
    h("select", { onchange: (event) => { location.hash = at(query, { [name]: event.target.value, seed: "", of: "" }); } },
      h("option", { value: "" }, "all"), options.map(([value, words]) => h("option", { value, selected: value === query[name] }, words))));
  return h("form", { class: "filters", "aria-label": "Which pairs", onsubmit: (event) => event.preventDefault() },
    select("task", "Task", tasks.map((task) => [task, short(task)])),
    select("result", "Result", Object.entries(RESULTS).map(([value, [name, , title]]) => [value, `${name.toLowerCase()}: ${title}`])));
}

function stepper(query, pairs, place) {
  const step = (by, words) => {
    const one = pairs[place + by];
    return one ? h("a", { class: "button", href: at(query, { seed: one.seed, of: one.task }) }, words) : h("span", { class: "button off" }, words);
  };
  const [name, tone, title] = RESULTS[pairs[place].result];
  return h("div", { class: "step" }, step(-1, "Previous"), h("p", {}, `Pair ${place + 1} of ${pairs.length} · ${short(pairs[place].task)} · seed ${pairs[place].seed} `, badge([name, tone, title])), step(1, "Next"));
}

async function sides(pair, signal) {
  const shown = ["candidate", "live"].map((who) => [who, pair[who], video(pair[who].episode_id, { signal, label: `Video of the ${who} version` })]);
  const controls = h("div", {});
  Promise.all(shown.map(([, , made]) => made.ready)).then((players) => {
    if (!signal.aborted && players.some(Boolean)) fill(controls, together(players.filter(Boolean), signal));
  });
  return [
    h("div", { class: "sides" }, shown.map(([who, one, made]) => h("section", { "aria-label": who },
      h("h2", {}, badge([who === "live" ? "Live" : "Candidate", who]), h("a", { href: `#/policies/${one.behaviour_policy}` }, one.behaviour_policy), badge(OUTCOMES[one.outcome])),
      made.node,
      h("p", { class: "quiet" }, one.time_to_success_s === null ? `${one.num_decisions} decisions` : `success after ${duration(one.time_to_success_s)}, ${one.num_decisions} decisions`, " · ",
        h("a", { href: `#/episodes/${encodeURIComponent(one.episode_id)}` }, "the episode"))))),
    controls,
  ];
}
