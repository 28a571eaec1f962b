// The facade's public routes. URLs are relative, so that the page works below any path.

const KEY = "promptweave-api-key";

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

/** An error response: `place` is a JSON pointer into the body. */
export class Refusal extends Error {
  constructor(status, error) {
    super(error.message ?? `the server returned status ${status}`);
    this.status = status;
    this.place = error.param ? pointerOf(error.param) : null;
    this.code = error.code;
  }
}

/** `tools[0].function['a b']` → `/tools/0/function/a b`. */
export function pointerOf(param) {
  const steps = param.matchAll(/([^.[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]/g);
  return [...steps].map((step) => `/${(step[1] ?? step[2] ?? step[3]).replace(/~/g, "~0").replace(/\//g, "~1")}`).join("");
}

async function ask(path, body, signal) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  if (key.get()) headers.authorization = `Bearer ${key.get()}`;
  const answer = await fetch(path, { method: body === undefined ? "GET" : "POST", headers, body: JSON.stringify(body), signal });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Refusal(answer.status, told.error ?? {});
}

export const get = async (path, signal) => (await ask(path, undefined, signal)).json();
export const post = async (path, body, signal) => (await ask(path, body, signal)).json();

/** Yields the events of a stream as they arrive. Throws Refusal for an error event. */
export async function* stream(path, body, signal) {
  const reader = (await ask(path, body, signal)).body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const events = (rest + (value ?? "")).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      if (!event.startsWith("data: ") || event === "data: [DONE]") continue;
      const data = JSON.parse(event.slice(6));
      if (data.error) throw new Refusal(200, data.error);
      yield data;
    }
    if (done) return;
  }
}

/** The name of the selected model; undefined if there is only one. */
export const target = { model: undefined };

/** Returns the tokens of a text: `{ids, bytes}` each. */
export async function tokenize(content, { special, begin }, signal) {
  const body = { content, model: target.model, parse_special: special, add_special: begin, with_pieces: true };
  const { tokens } = await post("tokenize", body, signal);
  const encoder = new TextEncoder();
  return tokens.map(({ id, piece }) => ({ id, bytes: typeof piece === "string" ? encoder.encode(piece) : Uint8Array.from(piece) }));
}
