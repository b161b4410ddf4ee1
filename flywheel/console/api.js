// The REST API: one function per way to ask, and every refusal as a Problem.

const KEY = "flywheel.token";

export class Problem extends Error {
  // `pause`: seconds after which it is worth another try; null: it is not.
  constructor({ status, detail, errors = [], pause = null }) {
    super(detail);
    Object.assign(this, { status, errors, pause });
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY),
  keep(value, remember) {
    token.forget();
    (remember ? localStorage : sessionStorage).setItem(KEY, value);
  },
  forget() {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
  },
};

// Parts of a path may hold anything; a verb such as ":cancel" is added to what comes before it.
export function address(parts, query = {}) {
  const path = parts.map((part) => encodeURIComponent(part)).join("/").replace(/%3A(?=[a-z]+$)/, ":").replace(/\/:/, ":");
  const url = new URL(`v1/${path}`, document.baseURI);
  url.hash = "";
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

export async function request(method, parts, { query, body, headers = {}, signal } = {}) {
  const given = { Authorization: `Bearer ${token.get()}`, ...headers };
  if (body !== undefined) given["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(address(parts, query), {
      method, headers: given, signal, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store",
    });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new Problem({ status: 0, detail: "The service does not answer. It may be starting, or the network is away." });
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function refusal(answer) {
  if (answer.status === 401) window.dispatchEvent(new Event("flywheel:signed-out"));
  const text = await answer.text();
  try {
    const { detail, errors } = JSON.parse(text);
    const pause = Number(answer.headers.get("Retry-After")) || null;
    return new Problem({ status: answer.status, detail: detail ?? text, errors, pause });
  } catch {
    return new Problem({ status: answer.status, detail: `The service answered ${answer.status} ${answer.statusText}.` });
  }
}

export async function get(parts, query, signal) {
  return (await request("GET", parts, { query, signal })).json();
}

// With the ETag of what was seen, for a change that must not undo another's.
export async function seen(parts, signal) {
  const answer = await request("GET", parts, { signal });
  return { value: await answer.json(), etag: answer.headers.get("ETag") };
}

// Done once: whoever repeats it after a lost answer gives the same key.
export async function post(parts, body, { query, key = newKey(), etag } = {}) {
  const headers = { "Idempotency-Key": key };
  if (etag) headers["If-Match"] = etag;
  return (await request("POST", parts, { query, body, headers })).json();
}

// crypto.randomUUID is missing where the page came over plain HTTP from elsewhere than this machine.
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
