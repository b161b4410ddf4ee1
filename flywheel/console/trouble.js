// What went wrong, in words.

import { h } from "./dom.js";

const TITLES = {
  0: "No answer", 401: "Not logged in", 403: "Not allowed", 404: "Not found", 409: "Not possible as things stand",
  412: "It has changed", 422: "Something is not right", 429: "Too many requests", 501: "Not possible here",
  503: "Not available now",
};

export function trouble(failure, again) {
  return h("section", { class: "trouble", role: "alert" },
    h("h1", {}, TITLES[failure.status] ?? "Something went wrong"),
    words(failure),
    again && h("p", {}, h("button", { type: "button", onclick: again }, "Try again"), " ", h("a", { href: "#/" }, "To the overview")));
}

// A problem's detail, or all that is to be corrected.
export function words(failure) {
  if (failure.errors?.length) {
    return h("ul", { class: "wrongs" }, failure.errors.map((one) => h("li", {}, h("code", {}, one.where), ": ", one.what)));
  }
  return h("p", {}, failure.message);
}
