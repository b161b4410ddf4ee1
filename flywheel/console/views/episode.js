// One episode: its video, how it ended, what it is worth under each task.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { table } from "../table.js";
import { together } from "../together.js";
import { words } from "../trouble.js";
import { video } from "../video.js";
import { OUTCOMES, RESULTS, badge, duration, figure, short } from "../words.js";

export async function episode({ name: id, signal }) {
  const one = await get(["episodes", id], {}, signal);
  const pair = h("p", {});
  const controls = h("div", {});
  const { node, ready } = video(id, { signal });
  ready.then((player) => player && fill(controls, together([player], signal)));
  if (one.source === "evaluation") partner(one, signal, pair);
  return [
    h("p", { class: "crumbs" }, h("a", { href: `#/episodes?${new URLSearchParams({ task: one.task, policy: one.behaviour_policy, source: one.source })}` }, "Episodes")),
    h("h1", { "data-title": `${short(one.task)}, ${one.outcome}` }, short(one.task), badge(OUTCOMES[one.outcome])),
    h("p", { class: "quiet id" }, id),
    one.error && h("p", { class: "reason bad" }, one.error),
    h("div", { class: "watch" },
      h("div", {}, node, controls),
      h("div", {}, pair, h("dl", { class: "facts column" },
        fact("Made by", one.behaviour_policy.startsWith("policy") ? h("a", { href: `#/policies/${one.behaviour_policy}` }, one.behaviour_policy) : one.behaviour_policy),
        fact("Source", `${one.source} in `, h("a", { href: `#/iterations/${one.iteration}` }, `iteration ${one.iteration}`)),
        fact("Length", `${one.num_decisions} decisions, ${duration(one.num_decisions * one.decision_s)}`),
        fact("Ended by", one.error ? "an error" : one.terminated ? "the task" : one.truncated ? "the time limit" : "its data"),
        fact("Time to success", one.time_to_success_s === null ? "–" : duration(one.time_to_success_s)),
        fact("Seed", one.seed), fact("Initial state", h("code", {}, one.initial_state.slice(0, 16))),
        fact("Sees", Object.entries(one.observations).map(([name, [, width]]) => `${name} (${width})`).join(", "))))),
    one.labels.length > 0 && h("section", { "aria-labelledby": "labels" }, h("h2", { id: "labels" }, "Labels"),
      table(["Under the task", "Success", "Sum of rewards", "Decisions", "Labeler"], one.labels.map((label) => h("tr", {},
        h("td", {}, short(label.task)), h("td", {}, { true: "yes", false: "no", null: "unknown" }[label.success]), h("td", { class: "n" }, figure(label.total_reward)),
        h("td", { class: "n" }, label.num_decisions), h("td", {}, `${label.labeler} ${label.labeler_version}`))))),
    lineage(id, signal),
  ];
}

const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

async function partner(one, signal, place) {
  const { iteration, task, seed } = one;
  const found = await get(["iterations", iteration, "pairs"], { task, seed }, signal).catch(() => null);
  const pair = found?.items.find((some) => [some.candidate.episode_id, some.live.episode_id].includes(one.episode_id));
  if (!pair) return;
  const other = pair.candidate.episode_id === one.episode_id ? pair.live : pair.candidate;
  fill(place, h("a", { class: "button", href: `#/compare?${new URLSearchParams({ iteration, task, seed })}` }, `Compare with ${other.behaviour_policy} from the same state`),
    h("br", {}), h("small", {}, `There, ${RESULTS[pair.result][2]}.`));
}

// Looks into the data of each version, so only when somebody asks.
function lineage(id, signal) {
  const place = h("div", {});
  async function show(event) {
    if (!event.target.open || place.children.length) return;
    fill(place, h("p", { class: "quiet" }, "Looking …"));
    try {
      const found = await get(["episodes", id, "lineage"], {}, signal);
      const list = (name, ids) => ids.length > 0 && h("p", {}, `${name}: ${ids.join(", ")}.`);
      fill(place, list("Trained on it", found.trained) || h("p", {}, "No version was trained on it."), list("Left it out", found.left_out), list("No longer known", found.unknown),
        list("Recalled by", found.recalled_by));
    } catch (failure) {
      if (!signal.aborted) fill(place, words(failure));
    }
  }
  return h("details", { class: "numbers", ontoggle: show }, h("summary", {}, "Which versions were trained on it"), place);
}
