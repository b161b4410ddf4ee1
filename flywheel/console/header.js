// The bar on top: where one is, who one is, and the theme.

import { fill, h } from "./dom.js";

const PLACES = [
  ["", "Overview"], ["iterations", "Iterations"], ["policies", "Policies"], ["episodes", "Episodes"], ["audit", "Audit"],
];
const THEMES = { "": "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
const SIGNS = { "": "◐", light: "☀", dark: "☾" };

export function header(me, path = "", signedOut = null) {
  const [place] = path.split("/");
  const here = place === "compare" ? "iterations" : place;
  fill(
    document.getElementById("header"),
    h("a", { class: "brand", href: "#/" }, h("img", { src: "console/mark.svg", alt: "", width: 22, height: 22 }), "Flywheel"),
    me && h("nav", { "aria-label": "Main" }, PLACES.map(([to, name]) => h(
      "a", { href: `#/${to}`, "aria-current": to === here ? "page" : null }, name,
    ))),
    h("div", { class: "self" }, themeSwitch(), me && who(me, signedOut)),
  );
}

function themeSwitch() {
  const button = h("button", { type: "button", class: "icon", onclick: next });
  const show = () => {
    const theme = document.documentElement.dataset.theme ?? "";
    button.textContent = SIGNS[theme];
    button.title = THEMES[theme];
    button.setAttribute("aria-label", THEMES[theme]);
  };
  function next() {
    const names = Object.keys(THEMES);
    const theme = names[(names.indexOf(document.documentElement.dataset.theme ?? "") + 1) % names.length];
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    if (theme) localStorage.setItem("flywheel.theme", theme);
    else localStorage.removeItem("flywheel.theme");
    show();
  }
  show();
  return button;
}

function who(me, signedOut) {
  return [
    h("span", { class: "who", title: `${me.name} may ${me.scopes.join(", ")}` },
      h("b", {}, me.name.replace(/^token:/, "")), h("small", {}, me.scopes.join(" · "))),
    h("button", { type: "button", class: "plain", onclick: signedOut }, "Log out"),
  ];
}
