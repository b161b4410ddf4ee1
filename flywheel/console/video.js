// An episode's video. It is fetched with the token, which <video> cannot send, and made when it is first asked for.

import { request } from "./api.js";
import { fill, h } from "./dom.js";
import { rest } from "./stream.js";
import { words } from "./trouble.js";

const LONGEST_WAIT_S = 10;

// `ready`: the <video> once it can be played, or null when there is none.
export function video(id, { signal, label = "Video of the episode" }) {
  const node = h("div", { class: "video" }, h("p", { class: "quiet" }, "Loading the video …"));
  return { node, ready: load(id, node, { signal, label }) };
}

async function load(id, node, { signal, label }) {
  try {
    const blob = await fetched(id, node, signal);
    if (blob === null) return null;
    const url = URL.createObjectURL(blob);
    signal.addEventListener("abort", () => URL.revokeObjectURL(url), { once: true });
    const player = h("video", { src: url, muted: true, playsinline: true, "aria-label": label });
    const known = new Promise((resolve, reject) => {
      player.addEventListener("loadeddata", resolve, { once: true });
      player.addEventListener("error", () => reject(new Error("This browser cannot play it: it needs MP4 with H.264.")), { once: true });
    });
    fill(node, player);
    await known;
    return player;
  } catch (failure) {
    if (!signal.aborted) fill(node, h("div", { role: "alert" }, h("b", {}, "No video"), why(failure)));
    return null;
  }
}

const why = (failure) => (failure.status === 404 ? h("p", {}, "This service has no video of it.") : words(failure));

async function fetched(id, node, signal) {
  for (;;) {
    let pause = 1;
    try {
      const answer = await request("GET", ["episodes", id, "video"], { query: { redirect: false }, signal });
      if (answer.status !== 202) return await answer.blob();
      fill(node, rendering(await answer.json()));
      pause = Number(answer.headers.get("Retry-After"));
    } catch (failure) {
      // As many as may are being made: this one's turn comes.
      if (failure.status !== 503 || failure.pause === null) throw failure;
      fill(node, rendering({ done: 0, total: 0 }));
      pause = failure.pause;
    }
    await rest(1000 * Math.min(LONGEST_WAIT_S, pause || 1), signal);
    if (signal.aborted) return null;
  }
}

function rendering({ done, total }) {
  return [
    h("progress", { max: total || null, value: total ? done : null, "aria-label": "Rendering" }),
    h("p", { class: "quiet", role: "status" }, total ? `Rendering: ${done} of ${total} frames` : "Waiting to be rendered"),
  ];
}
