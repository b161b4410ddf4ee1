// All iterations, the newest first.

import { mayOperate, startIteration } from "../acts.js";
import { h, say } from "../dom.js";
import { pages } from "../table.js";
import { STATES, badge, because, duration, person, when } from "../words.js";

export async function iterations({ query, signal, me }) {
  const list = await pages(["iterations"], { state: query.state }, {
    heads: ["Iteration", "State", "Why", "Asked by", "Asked", "Took"], row, signal, caption: "Iterations, the newest first",
    empty: query.state ? "None is in this state." : "There is none yet. Start the first one: it pretrains on demonstrations.",
  });
  return [
    h("div", { class: "title" }, h("h1", {}, "Iterations"),
      h("label", { class: "inline" }, "State ", h("select", { onchange: (event) => { location.hash = `#/iterations${event.target.value && `?state=${event.target.value}`}`; } },
        h("option", { value: "" }, "all"), Object.entries(STATES).map(([state, [name]]) => h("option", { value: state, selected: state === query.state }, name.toLowerCase())))),
      mayOperate(me) && h("button", { type: "button", class: "primary", onclick: start }, "Start an iteration")),
    list,
  ];
}

async function start() {
  try {
    const made = await startIteration();
    if (made) location.hash = `#/iterations/${made.number}`;
  } catch (failure) {
    say(failure.message);
  }
}

function row(one) {
  const took = one.started_at && one.finished_at ? duration((new Date(one.finished_at) - new Date(one.started_at)) / 1000) : "–";
  return h("tr", {},
    h("td", { class: "n" }, h("a", { class: "row", href: `#/iterations/${one.number}` }, String(one.number))),
    h("td", {}, badge(STATES[one.state])),
    h("td", { class: "why" }, because(one.reason) || (one.campaign === null ? "" : `campaign ${one.campaign}`)),
    h("td", {}, person(one.requested_by)), h("td", {}, when(one.requested_at)), h("td", { class: "n" }, took));
}
