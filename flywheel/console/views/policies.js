// Every version that was trained: where it stands, how it did.

import { mayOperate, promotePolicy, rollBack } from "../acts.js";
import { get } from "../api.js";
import { h, say } from "../dom.js";
import { pages, table } from "../table.js";
import { STATUSES, badge, because, interval, percent, person, short, when } from "../words.js";

export async function policies(view) {
  const { signal, me } = view;
  const may = mayOperate(me);
  const { items: deployments } = await get(["deployments"], { page_size: 20 }, signal);
  async function then(asked) {
    const made = await asked.catch((failure) => say(failure.message));
    if (made) view.refresh();
  }
  const list = await pages(["policies"], {}, {
    heads: ["Version", "Status", "Trained from", "Success in its evaluation", "Gate", ...(may ? ["Actions"] : [])], signal, caption: "Policy versions, the newest first",
    empty: "None was trained yet. The first iteration trains one.",
    row: (one) => row(one, may && ((id) => then(promotePolicy(id)))),
  });
  return [
    h("div", { class: "title" }, h("h1", {}, "Policies"),
      may && deployments.length > 1 && h("button", { type: "button", class: "plain", onclick: () => then(rollBack()) }, "Roll back")),
    list,
    deployments.length > 0 && h("section", { "aria-labelledby": "deployed" }, h("h2", { id: "deployed" }, "Deployments"),
      table(["When", "Live from then on", "Before", "By", "Why"], deployments.map((one) => h("tr", {},
        h("td", {}, when(one.at)), h("td", {}, h("a", { href: `#/policies/${one.policy_id}` }, one.policy_id), one.how === "policy.rolled_back" && " (rollback)"),
        h("td", {}, one.previous ?? "–"), h("td", {}, person(one.by)), h("td", { class: "why" }, because(one.reason)))), { caption: "Deployments, the newest first" })),
  ];
}

function row(one, promote) {
  const open = promote && (one.status === "candidate" || one.status === "rejected");
  return h("tr", {},
    h("td", {}, h("a", { class: "row", href: `#/policies/${one.policy_id}` }, one.policy_id)),
    h("td", {}, badge(STATUSES[one.status])),
    h("td", {}, one.parent ?? "fresh weights"),
    h("td", {}, one.success.length ? h("ul", { class: "chips" }, one.success.map((some) => h("li", { title: `${some.successes} of ${some.episodes}, ${interval(some)}` }, short(some.task), " ", h("b", {}, percent(some.rate))))) : "not yet"),
    h("td", { class: "why" }, one.gate ? because(one.gate.reason) : "not judged yet"),
    promote !== false && h("td", { class: "act" }, open && h("button", { type: "button", class: "small", onclick: () => promote(one.policy_id) }, "Promote", h("span", { class: "hidden" }, ` ${one.policy_id}`))));
}
