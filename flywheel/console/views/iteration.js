// One iteration: its stages as they come, what the gate saw, and why it ended as it did.

import { answerIteration, cancelIteration, mayOperate, retryIteration } from "../acts.js";
import { Problem, get } from "../api.js";
import { fill, h, say } from "../dom.js";
import { evidence } from "../evidence.js";
import { logs } from "../logs.js";
import { stages, wallsOf } from "../stages.js";
import { follow } from "../stream.js";
import { STATES, badge, because, deed, duration, percent, person, short, when } from "../words.js";

export async function iteration(view) {
  const { name: number, signal } = view;
  // In this order: what happens in between is told again by the stream.
  const { items: entries } = await get(["audit"], { subject: `iterations/${number}`, page_size: 100 }, signal);
  const one = await get(["iterations", number], {}, signal);
  const done = Object.fromEntries(entries.filter((some) => some.action === "iteration.stage_completed").map((some) => [some.details.stage, some.details]));
  const judged = done.evaluate && (await maybe(["policies", done.evaluate.policy_id], signal));
  const place = h("div", {});
  const walls = wallsOf(entries);
  fill(place, stages(one, { walls, progress: one.progress }));
  watch(view, one, { walls, place, after: entries[0].number });
  return [
    h("p", { class: "crumbs" }, h("a", { href: "#/iterations" }, "Iterations")),
    h("div", { class: "title" }, h("h1", { "data-title": `Iteration ${number}` }, `Iteration ${number}`, badge(STATES[one.state])), actions(view, one)),
    one.reason && h("p", { class: one.state === "failed" ? "reason bad" : "reason" }, because(one.reason)),
    place,
    about(one, done),
    judged && evidence(judged, { iteration: Number(number) }),
    logs(one, signal),
    h("section", { "aria-labelledby": "history" }, h("h2", { id: "history" }, "History"),
      h("ol", { class: "history" }, entries.map((some) => h("li", {}, when(some.at), h("span", {}, person(some.by), " ", deed(some), some.reason && h("small", {}, because(some.reason))))))),
  ];
}

async function maybe(parts, signal) {
  try {
    return await get(parts, {}, signal);
  } catch (failure) {
    if (failure instanceof Problem && (failure.status === 404 || failure.status === 409)) return null;
    throw failure;
  }
}

function actions(view, one) {
  if (!mayOperate(view.me)) return null;
  const button = (name, kind, act) => h("button", { type: "button", class: kind, onclick: () => act() }, name);
  async function then(asked) {
    const made = await asked.catch((failure) => say(failure.message));
    if (!made) return;
    if (made.number !== one.number) location.hash = `#/iterations/${made.number}`;
    else view.refresh();
  }
  const stop = ["queued", "running", "waiting"].includes(one.state) && !one.cancel_requested_by;
  return h("div", { class: "actions" },
    one.state === "waiting" && [button("Approve", "primary", () => then(answerIteration(one.number, "approve"))),
      button("Decline", "plain", () => then(answerIteration(one.number, "decline")))],
    stop && button("Cancel", "plain", () => then(cancelIteration(one.number))),
    ["failed", "cancelled"].includes(one.state) && button("Try again", "primary", () => then(retryIteration(one.number))));
}

function about(one, done) {
  const changed = settings(one.overrides);
  const took = one.started_at && one.finished_at && (new Date(one.finished_at) - new Date(one.started_at)) / 1000;
  const collected = done.collect ?? done.ingest;
  return h("dl", { class: "facts" },
    fact("Asked by", person(one.requested_by), " ", when(one.requested_at)),
    took && fact("Took", duration(took)),
    one.cancel_requested_by && fact("Cancelled by", person(one.cancel_requested_by)),
    one.approved_by && fact("Approved by", person(one.approved_by)),
    one.campaign !== null && fact("Campaign", one.campaign),
    one.retry_of !== null && fact("Tries again", h("a", { href: `#/iterations/${one.retry_of}` }, `iteration ${one.retry_of}`)),
    done.plan?.live && fact("Live at its start", h("a", { href: `#/policies/${done.plan.live}` }, done.plan.live)),
    done.train && fact("Trained", h("a", { href: `#/policies/${done.train.policy_id}` }, done.train.policy_id), ` in ${done.train.num_updates} updates`),
    collected?.success && fact(done.collect ? "Collected success" : "Demonstrations' success", Object.entries(collected.success).map(([task, share]) => `${short(task)} ${percent(share)}`).join(", ")),
    changed.length > 0 && fact("Its own settings", changed.map(([name, value]) => h("code", {}, `${name} ${JSON.stringify(value)}`))));
}

const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

function settings(overrides, path = "") {
  return Object.entries(overrides).flatMap(([name, value]) => {
    if (value === null) return [];
    return typeof value === "object" && !Array.isArray(value) ? settings(value, `${path}${name}.`) : [[path + name, value]];
  });
}

function watch(view, one, { walls, place, after }) {
  if (one.finished_at !== null) return;
  follow(one.number, {
    signal: view.signal, after,
    hear(event, data) {
      if (event === "progress") fill(place, stages(one, { walls, progress: data }));
      else view.refresh();
    },
  }).catch((failure) => say(failure.message));
}
