// Asking before something is done. What the service refuses is said in the dialog, which stays open.

import { fill, h, nodes } from "./dom.js";
import { words } from "./trouble.js";

// Resolves with what `act` gave, or null when nobody went on. `act` gets the form's values.
export function ask({ title, body = [], confirm, danger = false, act }) {
  return new Promise((resolve) => {
    const wrong = h("div", { class: "wrong", role: "alert" });
    const go = h("button", { type: "submit", class: danger ? "danger" : "primary" }, confirm);
    const back = h("button", { type: "button", class: "plain", onclick: () => box.close() }, "Not now");
    const form = h("form", { onsubmit: submit }, h("h2", { id: "asked" }, title), ...nodes([body]), wrong,
      h("div", { class: "actions" }, back, go));
    const box = h("dialog", { "aria-labelledby": "asked", onclose: () => { box.remove(); resolve(done); } }, form);
    let done = null;

    async function submit(event) {
      event.preventDefault();
      if (go.disabled) return;
      go.disabled = true;
      fill(wrong);
      try {
        done = await act(Object.fromEntries(new FormData(form)));
        if (done !== undefined) box.close();
      } catch (failure) {
        fill(wrong, words(failure));
      } finally {
        go.disabled = false;
      }
    }
    document.body.append(box);
    box.showModal();
  });
}

export function field(label, input, hint) {
  return h("label", { class: "field" }, h("span", {}, label), input, hint && h("small", {}, hint));
}

export function reason({ needed, hint, label = "Reason" }) {
  const input = h("textarea", { name: "reason", rows: 2, maxlength: 1000, required: needed, autofocus: true });
  return field(needed ? label : `${label} (optional)`, input, hint ?? "Kept in the history.");
}
