// What people ask for, each with the dialog that comes before it.

import { get, newKey, post, seen } from "./api.js";
import { ask, field, reason } from "./dialog.js";
import { fill, h, say } from "./dom.js";
import { table } from "./table.js";
import { because } from "./words.js";

export const mayOperate = (me) => me.scopes.includes("operate");

export async function startIteration() {
  const key = newKey();
  const { settings } = await get(["config"]);
  const few = h("div", { class: "pair", oninput: () => changed() },
    field("Episodes per task", h("input", { name: "episodes", type: "number", min: 1, placeholder: settings.collect.episodes_per_task })),
    field("Updates", h("input", { name: "updates", type: "number", min: 1, placeholder: settings.train.num_updates.at(-1) })));
  const other = h("textarea", { name: "other", rows: 3, spellcheck: "false", class: "code", placeholder: '{"gate": {"approval": "required"}}' });
  const plan = h("div", { class: "plan" });
  let planned = null;
  // What was changed after the plan was shown needs another one.
  const changed = () => { planned = null; fill(plan); relabel(plan, "Show the plan"); };

  const made = await ask({
    title: "Start an iteration",
    confirm: "Show the plan",
    body: [h("p", { class: "quiet" }, "It runs as configured, but for what you change here. Nothing starts before you have seen the plan."),
      few, h("details", { oninput: () => changed() }, h("summary", {}, "Other settings"), field("Overrides, as JSON", other, "collect, mixture, train, evaluate or gate; of this iteration alone.")),
      reason({ needed: false }), plan],
    async act(values) {
      const body = { overrides: overridesOf(values), reason: values.reason };
      if (asText(values) === planned) return post(["iterations"], body, { key });
      const found = await post(["iterations"], body, { key: newKey(), query: { dry_run: true } });
      planned = asText(values);
      fill(plan, planOf(found, settings));
      relabel(plan, `Start iteration ${found.number}`);
      return undefined;
    },
  });
  if (made) say(`Iteration ${made.number} is queued`);
  return made;
}

const asText = ({ episodes, updates, other }) => JSON.stringify([episodes, updates, other]);
const relabel = (plan, words) => fill(plan.closest("form").querySelector("[type=submit]"), words);

function overridesOf({ episodes, updates, other }) {
  let given = {};
  if (other.trim()) {
    try {
      given = JSON.parse(other);
    } catch (failure) {
      throw new Error(`The overrides are no JSON: ${failure.message}`);
    }
  }
  if (episodes) given.collect = { ...given.collect, episodes_per_task: Number(episodes) };
  if (updates) given.train = { ...given.train, num_updates: Number(updates) };
  return given;
}

function planOf({ number, settings }, configured) {
  const changes = differences(configured, settings);
  return [
    h("h3", {}, `Plan: iteration ${number}`),
    changes.length
      ? table(["Setting", "Configured", "This time"], changes.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))
      : h("p", {}, "Everything as configured."),
    h("p", { class: "quiet" }, "It starts when those before it are over."),
  ];
}

function differences(before, after, path = "") {
  return Object.keys(after).flatMap((name) => {
    const [old, now] = [before?.[name], after[name]];
    if (JSON.stringify(old) === JSON.stringify(now)) return [];
    const plain = now === null || typeof now !== "object" || Array.isArray(now);
    return plain ? [[path + name, JSON.stringify(old), JSON.stringify(now)]] : differences(old, now, `${path}${name}.`);
  });
}

export function cancelIteration(number) {
  return ask({
    title: `Cancel iteration ${number}?`, confirm: "Cancel it", danger: true,
    body: [h("p", {}, "What it collected stays. It is not taken up again; another one can be started with the same settings."), reason({ needed: false })],
    act: (values) => post(["iterations", number, ":cancel"], values),
  });
}

export function retryIteration(number) {
  return ask({
    title: `Try iteration ${number} again?`, confirm: "Queue a new one",
    body: h("p", {}, "A new iteration with the same settings is queued."),
    act: () => post(["iterations", number, ":retry"], undefined),
  });
}

export function answerIteration(number, verb) {
  const approve = verb === "approve";
  return ask({
    title: approve ? `Approve iteration ${number}?` : `Decline iteration ${number}?`,
    confirm: approve ? "Approve and deploy" : "Decline", danger: !approve,
    body: [h("p", {}, approve ? "Its candidate goes live." : "It ends, and its candidate is not deployed."), reason({ needed: false })],
    act: (values) => post(["iterations", number, `:${verb}`], values),
  });
}

export async function promotePolicy(id) {
  const { value, etag } = await seen(["policies", id]);
  const said = value.gate && `The gate said ${value.gate.decision}: ${because(value.gate.reason)}`;
  const needed = value.gate?.decision !== "promote";
  return ask({
    title: `Make ${id} live?`, confirm: `Promote ${id}`,
    body: [h("p", {}, said ?? "No gate has judged it."), reason({ needed, hint: needed ? "Past the gate, a promotion says why." : undefined })],
    act: (values) => post(["policies", id, ":promote"], values, { etag }),
  });
}

export function retirePolicy(id) {
  return ask({
    title: `Retire ${id} for good?`, confirm: `Retire ${id}`, danger: true,
    body: [h("p", {}, "It is never deployed again, not even by a rollback. This is not undone."), reason({ needed: true })],
    act: (values) => post(["policies", id, ":retire"], values),
  });
}

export async function rollBack() {
  const { items } = await get(["deployments"], { page_size: 500 });
  const [newest] = items;
  const { etag } = await seen(["deployments", newest.number]);
  const once = [...new Set(items.map((one) => one.policy_id))].filter((id) => id !== newest.policy_id);
  const select = h("select", { name: "policy_id" }, h("option", { value: "" }, "the one before it"), once.map((id) => h("option", { value: id }, id)));
  return ask({
    title: `Roll back from ${newest.policy_id}?`, confirm: "Roll back", danger: true,
    body: [field("To", select, "Only versions that were live once."), reason({ needed: true })],
    act: ({ policy_id: id, reason: why }) => post(["deployments:rollback"], { policy_id: id || null, reason: why }, { etag }),
  });
}
