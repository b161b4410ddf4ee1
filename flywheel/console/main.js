// Which view is shown, and the frame around it.

import { get, token } from "./api.js";
import { fill, h, say } from "./dom.js";
import { header } from "./header.js";
import { kept } from "./kept.js";
import { trouble } from "./trouble.js";
import { audit } from "./views/audit.js";
import { compare } from "./views/compare.js";
import { episode } from "./views/episode.js";
import { episodes } from "./views/episodes.js";
import { iteration } from "./views/iteration.js";
import { iterations } from "./views/iterations.js";
import { login } from "./views/login.js";
import { overview } from "./views/overview.js";
import { policies } from "./views/policies.js";
import { policy } from "./views/policy.js";

const ROUTES = [
  [/^$/, overview],
  [/^iterations$/, iterations],
  [/^iterations\/(\d+)$/, iteration],
  [/^policies$/, policies],
  [/^policies\/([^/]+)$/, policy],
  [/^episodes$/, episodes],
  [/^episodes\/(.+)$/, episode],
  [/^compare$/, compare],
  [/^audit$/, audit],
];
const SLOW_MS = 250;

const main = document.getElementById("main");
let me = null;
let shown = null;
let leave = new AbortController();

export function parsed(hash) {
  const [path, query = ""] = hash.replace(/^#?\/?/, "").split(/\?(.*)/);
  return { path, query: Object.fromEntries(new URLSearchParams(query)) };
}

// A view is a function of what it is given to a promise of nodes; what it starts ends with `signal`.
async function show({ quietly = false } = {}) {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const { path, query } = parsed(location.hash);
  const fresh = path !== shown;
  if (!quietly) main.setAttribute("aria-busy", "true");
  const waiting = setTimeout(() => fresh && fill(main, h("p", { class: "loading" }, "Loading …")), SLOW_MS);
  try {
    if (!(await known())) {
      shown = null;
      fill(main, login(entered));
      return;
    }
    const [view, name] = found(path);
    const made = await view({ name, query, signal, me, refresh: () => show({ quietly: true }) });
    if (signal.aborted) return;
    clearTimeout(waiting);
    const restore = fresh ? null : kept(main);
    fill(main, made);
    restore?.();
    header(me, path, signedOut);
    if (!quietly && fresh) arrive(shown !== null);
    shown = path;
    main.dataset.shown = location.hash;
  } catch (failure) {
    if (signal.aborted) return;
    clearTimeout(waiting);
    fill(main, trouble(failure, () => show()));
    header(me, path, signedOut);
    main.dataset.shown = location.hash;
  } finally {
    clearTimeout(waiting);
    if (!signal.aborted) main.removeAttribute("aria-busy");
  }
}

function found(path) {
  for (const [pattern, view] of ROUTES) {
    const match = pattern.exec(path);
    if (match) return [view, match[1] && decodeURIComponent(match[1])];
  }
  return [async () => [h("h1", {}, "There is no such page"), h("p", {}, h("a", { href: "#/" }, "To the overview"))]];
}

// Whose token it is; null: there is none, or it is not valid.
async function known() {
  if (me === null && token.get()) {
    try {
      me = await get(["whoami"]);
    } catch (failure) {
      if (failure.status !== 401) throw failure;
      token.forget();
    }
  }
  return me;
}

// With the focus, unless the browser itself has just come here.
function arrive(moved) {
  const heading = main.querySelector("h1");
  document.title = heading ? `${heading.dataset.title ?? heading.textContent} · Flywheel` : "Flywheel";
  if (!moved) return;
  scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

function entered(who) {
  me = who;
  say(`Logged in as ${who.name}`);
  show();
}

function signedOut() {
  token.forget();
  me = null;
  header(null);
  show();
}

window.addEventListener("hashchange", () => show());
window.addEventListener("flywheel:signed-out", () => { if (me) signedOut(); });
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
header(null);
show();
