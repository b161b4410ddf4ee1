// How things are called and written.

import { h } from "./dom.js";

export const STAGES = ["plan", "collect", "relabel", "train", "evaluate", "deploy"];
export const STATES = {
  queued: ["Queued", "quiet"],
  running: ["Running", "busy"],
  waiting: ["Waits for approval", "notice"],
  succeeded: ["Promoted", "good"],
  rejected: ["Not promoted", "plain"],
  failed: ["Failed", "bad"],
  cancelled: ["Cancelled", "plain"],
};
export const STATUSES = {
  live: ["Live", "live"],
  candidate: ["Candidate", "candidate"],
  rejected: ["Not promoted", "plain"],
  retired: ["Retired", "plain"],
};
export const OUTCOMES = {
  success: ["Success", "good"],
  failure: ["Failure", "bad"],
  unscored: ["Unscored", "plain"],
  error: ["Error", "notice"],
};
export const RESULTS = {
  win: ["Won", "good", "the candidate alone succeeded"],
  faster: ["Faster", "good", "both succeeded, the candidate more than 5% sooner"],
  both: ["Both", "plain", "both succeeded, about as soon"],
  slower: ["Slower", "notice", "both succeeded, the candidate more than 5% later"],
  loss: ["Lost", "bad", "the live version alone succeeded"],
  neither: ["Neither", "quiet", "neither succeeded"],
  unknown: ["Unknown", "quiet", "nobody scored one of them; it counts as lost"],
};
export const SOURCES = ["demonstration", "collection", "evaluation", "final", "upload"];
export const LETTERS = { W: "win", F: "faster", B: "both", S: "slower", L: "loss", N: "neither", U: "unknown" };

const ACTIONS = {
  "iteration.requested": "asked for",
  "iteration.started": "started",
  "iteration.stage_completed": "finished a stage of",
  "iteration.waiting": "asks for approval of",
  "iteration.approved": "approved",
  "iteration.cancel_requested": "asked to cancel",
  "iteration.finished": "ended",
  "policy.promoted": "promoted",
  "policy.rolled_back": "rolled back to",
  "policy.retired": "retired",
  "episodes.failing": "many episodes fail in",
};

export const badge = ([text, tone, title]) => h("span", { class: `badge ${tone}`, title }, text);
export const percent = (share) => (share === null || share === undefined ? "–" : `${round(100 * share)}%`);
export const interval = (one) => `${round(100 * one.lower)}–${round(100 * one.upper)}%`;
export const counted = (one) => `${one.successes} of ${one.episodes}`;
export const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;
export const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 });
export const short = (task) => task.split("/").pop();
export const stagesOf = (iteration) => (iteration === 0 ? STAGES.with(1, "ingest") : STAGES);

// 99.6% is not 100%, and 0.4% is not 0%.
function round(value) {
  const whole = Math.round(value);
  return (whole === 100 && value < 100) || (whole === 0 && value > 0) ? value.toFixed(1) : whole;
}

export function figure(value) {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 1000 ? number(Math.round(value)) : String(Number(value.toPrecision(3)));
}

export function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const WHOLE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });

export function when(time) {
  const date = new Date(time);
  return h("time", { datetime: time, title: WHOLE.format(date) }, ago(date) ?? DAY.format(date));
}

function ago(date) {
  const seconds = (Date.now() - date) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  return seconds < 12 * 3600 ? `${Math.round(seconds / 3600)} h ago` : null;
}

// "token:alice" -> "alice": who it was matters, how they came in is in the title.
export function person(by) {
  const [kind, name] = by.split(/:(.*)/);
  return h("span", { class: "person", title: by }, kind === "token" || kind === "oidc" ? name : by);
}

export function subject(path) {
  const [kind, name] = path.split(/\/(.*)/);
  const words = { iterations: `iteration ${name}`, policies: name }[kind] ?? path.replace("/", " ");
  const known = kind === "iterations" || kind === "policies";
  return known ? h("a", { href: `#/${path}` }, words) : words;
}

// The gate's own words for why it gave up, "futile:" and "budget:", are the first of a reason.
export const because = (reason) => reason.replace(/^(futile|budget):(?! )/, "$1: ");

export function deed(entry) {
  const { action, details } = entry;
  if (action === "iteration.stage_completed") return [`finished ${details.stage} of `, subject(entry.subject)];
  if (action === "iteration.finished") {
    const [text] = STATES[details.state] ?? [details.state];
    return ["ended ", subject(entry.subject), `: ${text.toLowerCase()}`];
  }
  const noun = action.startsWith("iteration.") || action.startsWith("policy.") || action.startsWith("episodes.");
  if (noun) return [`${ACTIONS[action] ?? action} `, subject(entry.subject)];
  const verb = action.split(".")[1].replaceAll("_", " ");
  return [`${verb} `, entry.subject.replace(/s\//, " ")];
}
