// The stages of an iteration: done, running, to come.

import { h } from "./dom.js";
import { duration, figure, number, stagesOf } from "./words.js";

// Stage -> seconds that it took, from an iteration's entries.
export function wallsOf(entries) {
  const done = entries.filter((one) => one.action === "iteration.stage_completed");
  return Object.fromEntries(done.map(({ details }) => [details.stage, details.wall_s]));
}

// `walls`: as above.
export function stages(iteration, { walls = {}, progress = null } = {}) {
  const running = iteration.state === "running";
  const all = stagesOf(iteration.number);
  const current = running ? all.find((stage) => !iteration.stages.includes(stage)) : null;
  const steps = all.map((stage) => {
    const done = iteration.stages.includes(stage);
    const state = done ? "done" : stage === current ? "current" : "due";
    const time = walls[stage] !== undefined ? duration(walls[stage]) : state === "current" ? "running" : done ? "done" : "";
    return h("li", { class: state, "aria-current": state === "current" ? "step" : null },
      h("span", { class: "dot", "aria-hidden": "true" }), h("b", {}, stage), h("small", {}, time));
  });
  return h("div", { class: "stages" }, h("ol", {}, steps), running && far(current, progress));
}

function far(stage, progress) {
  if (!progress || progress.stage !== stage) return h("p", { class: "far quiet" }, stage ? `${stage}: starting` : "ending");
  const { done, total } = progress;
  const unit = stage === "train" ? "updates" : "episodes";
  const figures = Object.entries(progress.figures).map(([name, value]) => `${name.replaceAll("_", " ")} ${figure(value)}`);
  return h("div", { class: "far" },
    h("progress", { max: total || null, value: total ? done : null, "aria-label": `${stage}: ${done} of ${total} ${unit}` }),
    h("p", {}, h("b", {}, total ? `${Math.floor((100 * done) / total)}%` : "…"), ` ${stage}: ${number(done)}`,
      total ? ` of ${number(total)} ${unit}` : ` ${unit}`, figures.length > 0 && h("span", { class: "quiet" }, ` · ${figures.slice(0, 4).join(" · ")}`)));
}
