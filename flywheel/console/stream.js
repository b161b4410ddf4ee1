// Server-sent events through fetch: EventSource cannot send a token.

import { Problem, request } from "./api.js";

const LONGEST_PAUSE_MS = 10000;

// Calls `hear(event, data)` until the iteration is over; goes on after the last entry when the connection breaks.
// `after`: the number of the newest entry that is known; null: none is.
export async function follow(number, { signal, hear, after = null }) {
  let last = after;
  let pause = 500;
  while (!signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(last === null ? {} : { "Last-Event-ID": last }) };
      const answer = await request("GET", ["iterations", number, "events"], { headers, signal });
      for await (const { id, event, data } of events(answer.body)) {
        last = id ?? last;
        pause = 500;
        const heard = JSON.parse(data);
        hear(event, heard);
        if (event === "entry" && heard.action === "iteration.finished") return;
      }
      if (await isOver(number, signal)) return;
    } catch (failure) {
      if (signal.aborted) return;
      const passing = !(failure instanceof Problem) || failure.status === 0 || failure.status >= 429;
      if (!passing) throw failure;
    }
    await rest(pause, signal);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

async function isOver(number, signal) {
  const found = await (await request("GET", ["iterations", number], { signal })).json();
  return found.finished_at !== null;
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    waiting += value;
    const blocks = waiting.split(/\r?\n\r?\n/);
    waiting = blocks.pop();
    for (const block of blocks) {
      const event = parsed(block);
      if (event.data) yield event;
    }
  }
}

function parsed(block) {
  const found = { event: "message", data: "" };
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = /^(\w*): ?(.*)$/.exec(line) ?? [];
    if (name === "data") found.data += value;
    else if (name === "event" || name === "id") found[name] = value;
  }
  return found;
}

export function rest(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
