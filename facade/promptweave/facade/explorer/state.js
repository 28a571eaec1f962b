// The page's state, request, template and pasted output, as a link or a file. No server stores it, and it contains no key.

const NAMES = ["request", "template", "bos", "eos", "output"];

const kept = (state) => Object.fromEntries(NAMES.filter((name) => typeof state[name] === "string" && state[name]).map((name) => [name, state[name]]));

async function through(stream, bytes) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}

/** Returns the state as a URL fragment. */
export async function toFragment(state) {
  const packed = await through(new CompressionStream("deflate-raw"), new TextEncoder().encode(JSON.stringify(kept(state))));
  let binary = "";
  for (const byte of packed) binary += String.fromCharCode(byte);
  return `#1.${btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** Returns the state of a URL fragment; null if there is none. */
export async function fromFragment(fragment) {
  if (!fragment.startsWith("#1.")) return null;
  try {
    const binary = atob(fragment.slice(3).replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    return fromText(new TextDecoder().decode(await through(new DecompressionStream("deflate-raw"), bytes)));
  } catch {
    return null;
  }
}

export const toText = (state) => `${JSON.stringify(kept(state), null, 2)}\n`;

/** Returns the state of a file; null if it has none. */
export function fromText(text) {
  try {
    const state = JSON.parse(text);
    // A plain chat request is accepted, too.
    if (Array.isArray(state.messages)) return { request: JSON.stringify(state, null, 2) };
    return typeof state.request === "string" ? kept(state) : null;
  } catch {
    return null;
  }
}
