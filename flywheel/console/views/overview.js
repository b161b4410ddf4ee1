// How it stands: what runs, what is live, how well it does, what happened last.

import { answerIteration, cancelIteration, mayOperate, rollBack, startIteration } from "../acts.js";
import { get } from "../api.js";
import { fill, h, say } from "../dom.js";
import { stages, wallsOf } from "../stages.js";
import { follow, rest } from "../stream.js";
import { mean, rates, successSection } from "../success.js";
import { STATES, badge, because, deed, percent, person, plural, stagesOf, when } from "../words.js";

const POLL_MS = 4000;

export async function overview(view) {
  const { signal } = view;
  const [iterations, policies, tasks, deployments, history] = await Promise.all([
    get(["iterations"], { page_size: 20 }, signal), get(["policies"], { page_size: 50 }, signal), get(["tasks"], {}, signal),
    get(["deployments"], { page_size: 1 }, signal), get(["audit"], { page_size: 80 }, signal),
  ]);
  const current = iterations.items.find((one) => one.state === "running" || one.state === "waiting");
  const told = current ?? iterations.items.find((one) => one.started_at !== null);
  const entries = told ? (await get(["audit"], { subject: `iterations/${told.number}`, page_size: 100 }, signal)).items : [];
  const walls = wallsOf(entries);
  if (current) current.stages = stagesOf(current.number).filter((stage) => stage in walls);
  const now = h("section", { class: "card now", "aria-labelledby": "now" });
  fill(now, nowOf(view, iterations.items, current, walls));
  watch(view, now, iterations.items, current, walls, entries[0]?.number);
  return [
    h("h1", { class: "hidden" }, "Overview"),
    h("div", { class: "two" }, now, liveCard(view, deployments.items[0], tasks.items)),
    successSection(policies.items),
    recent(history.items),
  ];
}

function nowOf(view, iterations, current, walls) {
  const queued = iterations.filter((one) => one.state === "queued").reverse();
  const may = mayOperate(view.me);
  const start = may && h("button", { type: "button", class: current ? "plain" : "primary", onclick: () => then(startIteration(), view) }, current ? "Queue another" : "Start an iteration");
  const title = current ? [h("a", { href: `#/iterations/${current.number}` }, `Iteration ${current.number}`), badge(STATES[current.state])] : "Nothing is running";
  return [
    h("h2", { id: "now" }, title),
    current ? currentOf(current, walls) : idle(iterations.find((one) => one.started_at !== null), may, walls),
    queued.length > 0 && h("p", {}, "Next: ", queued.map((one, place) => [place > 0 && ", ", h("a", { href: `#/iterations/${one.number}` }, `iteration ${one.number}`)])),
    may && h("div", { class: "actions" }, current && answers(view, current), start),
  ];
}

function idle(newest, may, walls) {
  if (!newest) return h("p", { class: "quiet" }, may ? "Start iteration 0: it pretrains a first version on demonstrations." : "Somebody who may operate starts the first iteration.");
  return [
    h("p", {}, h("span", { class: "quiet" }, "The last one was "), h("a", { href: `#/iterations/${newest.number}` }, `iteration ${newest.number}`), " ", badge(STATES[newest.state])),
    stages(newest, { walls }),
    h("p", { class: "reason quiet" }, because(newest.reason)),
  ];
}

function currentOf(current, walls) {
  const place = h("div", { id: "stages" }, stages(current, { walls, progress: current.progress }));
  const since = h("p", { class: "quiet" }, "Started ", when(current.started_at), " for ", person(current.requested_by),
    current.cancel_requested_by && [". ", person(current.cancel_requested_by), " asked to cancel it; it is stopping"]);
  const note = current.state === "waiting" && h("p", { class: "note" }, "The gate says promote. A person decides whether its candidate is deployed.");
  return [since, place, note];
}

function answers(view, { number, state, cancel_requested_by: stopping }) {
  const button = (words, kind, act) => h("button", { type: "button", class: kind, onclick: () => then(act(), view) }, words);
  if (state === "waiting") {
    return [button("Approve", "primary", () => answerIteration(number, "approve")), button("Decline", "plain", () => answerIteration(number, "decline"))];
  }
  return !stopping && button("Cancel", "plain", () => cancelIteration(number));
}

async function then(asked, view) {
  try {
    if ((await asked) !== null) view.refresh();
  } catch (failure) {
    say(failure.message);
  }
}

// Progress as it comes; everything anew when an iteration begins, ends a stage, or ends.
function watch(view, now, known, current, walls, after) {
  const { signal } = view;
  if (current?.state === "running") {
    follow(current.number, {
      signal, after,
      hear(event, data) {
        const place = now.querySelector("#stages");
        if (event === "progress") fill(place, stages(current, { walls, progress: data }));
        else if (data.action !== "iteration.stage_completed") view.refresh();
        else {
          current.stages.push(data.details.stage);
          walls[data.details.stage] = data.details.wall_s;
          fill(place, stages(current, { walls }));
        }
      },
    }).catch((failure) => say(failure.message));
  }
  poll(view, known.map(signature).join());
}

const signature = (one) => `${one.number} ${one.state} ${one.cancel_requested_by}`;

async function poll({ signal, refresh }, known) {
  for (;;) {
    await rest(POLL_MS, signal);
    if (signal.aborted) return;
    if (document.hidden || document.querySelector("dialog")) continue;
    const found = await get(["iterations"], { page_size: 20 }, signal).catch(() => null);
    if (found && found.items.map(signature).join() !== known) return refresh();
  }
}

function liveCard(view, deployment, tasks) {
  if (!deployment) {
    return h("section", { class: "card live", "aria-labelledby": "live" }, h("h2", { id: "live" }, "No version is live"),
      h("p", { class: "quiet" }, "The first one that is evaluated goes live."));
  }
  const known = tasks.map((one) => one.success).filter(Boolean);
  return h("section", { class: "card live", "aria-labelledby": "live" },
    h("h2", { id: "live" }, h("a", { href: `#/policies/${deployment.policy_id}` }, deployment.policy_id), badge(["Live", "live"])),
    known.length > 0 && h("p", { class: "headline" }, h("b", {}, percent(mean(known))), h("span", { class: "quiet" }, `mean success, ${plural(known.length, "task")}`)),
    rates(known),
    h("p", { class: "quiet" }, deployment.how === "policy.rolled_back" ? "Rolled back to " : "Since ", when(deployment.at), " by ", person(deployment.by), `: ${because(deployment.reason)}`),
    mayOperate(view.me) && deployment.number > 0 && h("div", { class: "actions" },
      h("button", { type: "button", class: "plain", onclick: () => then(rollBack(), view) }, "Roll back")));
}

const DETAIL = ["iteration.stage_completed", "iteration.started"];

function recent(history) {
  const entries = history.filter((one) => !DETAIL.includes(one.action)).slice(0, 10);
  return h("section", { "aria-labelledby": "recent" }, h("h2", { id: "recent" }, "What happened last"),
    entries.length ? h("ol", { class: "history" }, entries.map((one) => h("li", {}, when(one.at), h("span", {}, person(one.by), " ", deed(one), one.reason && h("small", {}, because(one.reason))))))
      : h("p", { class: "empty" }, "Nothing yet."),
    h("p", {}, h("a", { href: "#/audit" }, "The whole history")));
}
