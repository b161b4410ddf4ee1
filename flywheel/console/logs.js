// What an iteration's processes said, where the service keeps it.

import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { words } from "./trouble.js";

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export function logs(one, signal) {
  if (one.started_at === null) return null;
  const lines = h("ol", { class: "lines" });
  const more = h("button", { type: "button", class: "plain", onclick: () => next() }, "Show more");
  const place = h("div", {}, h("p", { class: "quiet" }, "Loading …"));
  let token = null;

  async function next() {
    const { items, next_page_token: following } = await get(["iterations", one.number, "logs"], { page_size: 200, page_token: token }, signal);
    lines.append(...items.map(line));
    token = following;
    more.hidden = token === null;
  }
  async function show(event) {
    if (!event.target.open || lines.children.length) return;
    try {
      await next();
      fill(place, lines.children.length ? [lines, more] : h("p", { class: "quiet" }, "Nothing was logged, or it is no longer kept."));
    } catch (failure) {
      if (signal.aborted) return;
      fill(place, failure.status === 404 ? h("p", { class: "quiet" }, "This service keeps no logs.") : words(failure));
    }
  }
  return h("details", { class: "numbers", ontoggle: show }, h("summary", {}, "Logs"), place);
}

function line(one) {
  const { time, level, stage, message, process, pid, exception } = one;
  return h("li", { class: level },
    h("time", { datetime: time }, CLOCK.format(new Date(time))), h("span", { class: "quiet" }, [level, stage].filter(Boolean).join(" · ")),
    h("span", { title: `${process} ${pid}` }, message), exception && h("pre", {}, exception));
}
