// Tables, and lists that come page by page.

import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { words } from "./trouble.js";

export function table(heads, rows, { caption } = {}) {
  return h("div", { class: "scroll" }, h("table", {},
    caption && h("caption", { class: "hidden" }, caption),
    h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map((row) => labelled(row, heads)))));
}

// On narrow screens each cell stands on a line of its own, and says what it is.
function labelled(row, heads) {
  heads.forEach((name, place) => {
    const cell = row.cells[place];
    cell?.setAttribute("data-label", name);
    cell?.toggleAttribute("data-none", cell.textContent === "" || cell.textContent === "–");
  });
  return row;
}

// Pages of a list below one another. `row` makes a table row of an item.
export async function pages(parts, query, { heads, row, empty, signal, caption }) {
  const body = h("tbody", {});
  const more = h("button", { type: "button", class: "plain", onclick: () => next() }, "Show more");
  const wrong = h("div", { role: "alert" });
  const shown = table(heads, [], { caption });
  shown.querySelector("tbody").replaceWith(body);
  let token = null;

  async function next() {
    more.disabled = true;
    fill(wrong);
    try {
      // A page may be short, or empty, while there are more: enough of them make one that is worth showing.
      let fresh = [];
      do {
        const page = await get(parts, { page_size: 50, ...query, page_token: token }, signal);
        fresh = fresh.concat(page.items);
        token = page.next_page_token;
      } while (token !== null && fresh.length < 25);
      body.append(...fresh.map((one) => labelled(row(one), heads)));
    } catch (failure) {
      if (signal.aborted) return;
      if (!body.children.length) throw failure;
      fill(wrong, words(failure));
    }
    more.disabled = false;
    more.hidden = token === null;
  }
  await next();
  return body.children.length ? [shown, wrong, h("div", { class: "actions" }, more)] : h("p", { class: "empty" }, empty);
}
