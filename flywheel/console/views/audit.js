// Who did what, when and why. Nothing in it is ever changed.

import { h } from "../dom.js";
import { pages } from "../table.js";
import { because, deed, person, when } from "../words.js";

const KINDS = {
  "policy.promoted": "promotions", "policy.rolled_back": "rollbacks", "policy.retired": "retirements", "iteration.requested": "requests for iterations",
  "iteration.finished": "ends of iterations", "iteration.cancel_requested": "cancels", "iteration.approved": "approvals",
  "token.created": "new tokens", "token.revoked": "revoked tokens", "episodes.failing": "failing episodes",
};

export async function audit({ query, signal }) {
  const wanted = { action: query.action, by: query.by, subject: query.subject };
  const list = await pages(["audit"], wanted, {
    heads: ["No.", "When", "Who", "What", "Why", "Before", "After"], row, signal, caption: "The history, the newest first",
    empty: Object.values(wanted).some(Boolean) ? "Nothing like this happened." : "Nothing has happened yet.",
  });
  const filter = (name, value) => { location.hash = `#/audit?${new URLSearchParams(Object.entries({ ...wanted, [name]: value }).filter(([, some]) => some))}`; };
  return [
    h("h1", {}, "Audit"),
    h("form", { class: "filters", "aria-label": "Filters", onsubmit: (event) => event.preventDefault() },
      h("label", { class: "field" }, h("span", {}, "What"), h("select", { onchange: (event) => filter("action", event.target.value) },
        h("option", { value: "" }, "everything"), Object.entries(KINDS).map(([value, words]) => h("option", { value, selected: value === query.action }, words)))),
      h("label", { class: "field" }, h("span", {}, "Who"), h("input", { value: query.by ?? "", placeholder: "anyone, such as token:alice", onchange: (event) => filter("by", event.target.value) })),
      h("label", { class: "field" }, h("span", {}, "To what"), h("input", { value: query.subject ?? "", placeholder: "anything, such as iterations/3", onchange: (event) => filter("subject", event.target.value) }))),
    list,
  ];
}

function row(one) {
  return h("tr", {},
    h("td", { class: "n" }, one.number), h("td", {}, when(one.at)), h("td", {}, h("a", { href: `#/audit?by=${encodeURIComponent(one.by)}` }, person(one.by))),
    h("td", {}, deed(one)), h("td", { class: "why" }, because(one.reason) || "–"), h("td", {}, one.before ?? "–"), h("td", {}, one.after ?? "–"));
}
