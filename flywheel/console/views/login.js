// A token is all that is needed.

import { get, token } from "../api.js";
import { fill, h } from "../dom.js";
import { field } from "../dialog.js";
import { words } from "../trouble.js";

export function login(entered) {
  const wrong = h("div", { class: "wrong", role: "alert" });
  const secret = h("input", {
    name: "token", type: "password", required: true, autocomplete: "current-password", spellcheck: "false", autofocus: true,
  });
  const remember = h("input", { type: "checkbox", name: "remember" });
  const go = h("button", { type: "submit", class: "primary" }, "Log in");

  async function submit(event) {
    event.preventDefault();
    go.disabled = true;
    fill(wrong);
    token.keep(secret.value.trim(), remember.checked);
    try {
      entered(await get(["whoami"]));
    } catch (failure) {
      token.forget();
      fill(wrong, failure.status === 401 ? h("p", {}, "This token is not valid. It may be misspelt, expired or revoked.") : words(failure));
      secret.focus();
    } finally {
      go.disabled = false;
    }
  }

  return h("section", { class: "login" },
    h("h1", {}, "Log in"),
    h("form", { onsubmit: submit },
      // For password managers, which keep a token under a name.
      h("input", { type: "text", name: "username", autocomplete: "username", value: "flywheel", hidden: true }),
      field("Token", secret, "Kept until this tab is closed."),
      h("label", { class: "check" }, remember, h("span", {}, "Remember it in this browser")),
      wrong, go),
    h("p", { class: "quiet" }, h("code", {}, "flywheel up"), " says where the first token is. Another one: ",
      h("code", {}, "flywheel tokens create NAME --scope read"), " or ", h("code", {}, "operate"), "."));
}
