// One video, or several as one: played, stopped and sought in step. The longest one is the clock.

import { fill, h } from "./dom.js";

const FRAME_S = 0.05;
const APART_S = 0.08;
const SPEEDS = [0.25, 0.5, 1, 2];

export function together(players, signal) {
  const clock = players.reduce((longest, one) => (one.duration > longest.duration ? one : longest));
  const button = h("button", { type: "button", class: "primary", onclick: () => (clock.paused ? play() : pause()) });
  const time = h("input", { type: "range", min: 0, max: clock.duration, step: "any", value: 0, "aria-label": "Time", oninput: () => seek(Number(time.value)) });
  const told = h("output", {});
  const speed = h("select", { "aria-label": "Speed", onchange: () => players.forEach((one) => { one.playbackRate = Number(speed.value); }) },
    SPEEDS.map((value) => h("option", { value, selected: value === 1 }, `${value}×`)));

  function show() {
    fill(button, clock.paused ? "Play" : "Pause");
    time.value = clock.currentTime;
    told.textContent = `${clock.currentTime.toFixed(1)} of ${clock.duration.toFixed(1)} s`;
  }
  function play() {
    if (clock.ended) seek(0);
    players.forEach((one) => { if (one.currentTime < one.duration) one.play().catch(() => {}); });
  }
  function pause() {
    players.forEach((one) => one.pause());
    seek(clock.currentTime);
  }
  function seek(to) {
    const within = Math.min(Math.max(0, to), clock.duration);
    players.forEach((one) => { one.currentTime = Math.min(within, one.duration); });
    show();
  }
  function tick() {
    if (signal.aborted) return;
    show();
    for (const one of players) {
      const due = Math.min(clock.currentTime, one.duration);
      if (one !== clock && !clock.paused && Math.abs(one.currentTime - due) > APART_S) one.currentTime = due;
    }
    if (!clock.paused) requestAnimationFrame(tick);
  }
  function key(event) {
    if (event.target.closest("input, select, textarea, button, a, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") clock.paused ? play() : pause();
    else if (event.key === "ArrowRight") seek(clock.currentTime + FRAME_S);
    else if (event.key === "ArrowLeft") seek(clock.currentTime - FRAME_S);
    else return;
    event.preventDefault();
  }
  clock.addEventListener("play", () => requestAnimationFrame(tick), { signal });
  for (const name of ["pause", "ended", "seeked"]) clock.addEventListener(name, show, { signal });
  addEventListener("keydown", key, { signal });
  show();
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play();
  return h("div", { class: "together", role: "group", "aria-label": players.length > 1 ? "Both videos" : "The video" }, button,
    h("button", { type: "button", class: "plain", onclick: () => seek(clock.currentTime - FRAME_S), "aria-label": "One frame back" }, "‹"),
    h("button", { type: "button", class: "plain", onclick: () => seek(clock.currentTime + FRAME_S), "aria-label": "One frame on" }, "›"),
    time, told, speed,
    players.length === 1 && h("button", { type: "button", class: "plain", onclick: () => clock.requestFullscreen() }, "Full screen"));
}
