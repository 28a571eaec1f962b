// The rendered prompt: which text is from the request and which from the template, special tokens, and token boundaries.

import { tokenize } from "./api.js";
import { $, count, el } from "./dom.js";

/** Returns the role of a value of the request. */
export function speaker(path, request) {
  if (path.startsWith("/tools")) {
    const tool = request.tools?.[Number(path.split("/")[2])];
    return tool ? `tool ${(tool.function ?? tool.custom)?.name ?? ""}` : "tools";
  }
  const [, , place, part] = path.split("/");
  const message = request.messages?.[Number(place)];
  if (!message) return path;
  if (part === "tool_calls") return "call";
  return part === "reasoning_content" ? "reasoning" : message.role;
}

/** Returns the tokens of a compiled prompt, with their positions. Tokens that share a character are one. */
export async function tokensOf(segments, signal) {
  const tokens = [];
  let start = 0;
  for (const [place, segment] of segments.entries()) {
    const found = await tokenize(segment.text, { special: segment.trusted, begin: place === 0 && segment.trusted }, signal);
    let at = start;
    const stop = start + segment.text.length;
    for (const token of joined(found)) {
      // A tokenizer may add a beginning-of-sequence token, or a space.
      const length = segment.text.startsWith(token.text, at - start) ? token.text.length : 0;
      tokens.push({ ...token, start: at, end: Math.min(at + length, stop) });
      at += length;
    }
    start = stop;
  }
  return tokens;
}

function joined(tokens) {
  const whole = [];
  let ids = [];
  let bytes = [];
  for (const token of tokens) {
    ids.push(token.id);
    bytes.push(...token.bytes);
    try {
      whole.push({ ids, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes)) });
      [ids, bytes] = [[], []];
    } catch {
      // The character continues in the next token.
    }
  }
  if (ids.length) whole.push({ ids, text: "\ufffd" });
  return whole;
}

/** Shows a compiled prompt. `show(path)` selects and `point(path)` highlights a value of the request; null: none. */
export class PromptView {
  constructor({ show, point }) {
    this._show = show;
    this._point = point;
    this._compiled = null;
    this.tokens = null;
    const box = $("prompt");
    box.addEventListener("mouseover", (event) => this._over(event.target));
    box.addEventListener("mouseleave", () => this._over(null));
    box.addEventListener("keydown", (event) => this._step(event));
    box.addEventListener("blur", () => this._stand(null));
    box.addEventListener("click", (event) => {
      const path = event.target.closest("[data-path]")?.dataset.path;
      if (path && getSelection().isCollapsed) this._show(path);
    });
    $("show-tokens").addEventListener("change", () => this._draw());
  }

  set(compiled, request, specialTokens) {
    Object.assign(this, { _compiled: compiled, _request: request, tokens: null });
    const known = specialTokens.filter(Boolean).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    this._special = new RegExp([...known.sort((a, b) => b.length - a.length), "<\\|[^<>|\\s]{1,64}\\|>", "<｜[^<>｜\\s]{1,64}｜>"].join("|"), "g");
    this._draw();
  }

  /** Sets the tokens, once they are loaded. */
  setTokens(tokens) {
    this.tokens = tokens;
    this._draw();
  }

  _draw() {
    if (!this._compiled) return;
    const { prompt, segments, explanation } = this._compiled;
    const parts = explanation.parts.length ? explanation.parts : [{ text: prompt, path: "" }];
    const showing = $("show-tokens").checked && this.tokens;
    const layers = [spans(parts, (part) => ({ path: part.path })), this._specials(segments)];
    if (showing) layers.push(this.tokens.map((token, place) => ({ ...token, place })));
    const told = explanation.parts.length > 0;
    let spoken = null;
    const pieces = [];
    for (const { start, end, inside } of cut(prompt.length, layers)) {
      const [part, special, token] = inside;
      const text = prompt.slice(start, end);
      let piece = shown(text);
      if (special) piece = el("span", { class: special.plain ? "as-text" : "special", title: special.plain ? "Looks like a special token, but is plain text" : "Special token" }, ...[piece].flat());
      if (token) piece = el("span", { class: `token ${token.place % 2 ? "odd" : "even"}`, title: `token ${token.ids.join(", ")}` }, ...[piece].flat());
      const path = part?.path ?? "";
      if (spoken?.part !== part) {
        spoken = { part, box: el("span", path ? { class: "said-by-request", "data-path": path, "data-role": speaker(path, this._request) } : { class: told ? "by-template" : "" }) };
        pieces.push(spoken.box);
      }
      spoken.box.append(...[piece].flat());
    }
    const prefix = this._compiled.syntax.prefix;
    $("prompt").replaceChildren(...pieces);
    $("prompt").classList.toggle("with-tokens", Boolean(showing));
    $("prompt-legend").replaceChildren(
      told ? el("span", { class: "key-request" }, "from the request") : "This template inspects its input, so the origin of its text cannot be determined.",
      ...(told ? [el("span", { class: "key-template" }, "from the template")] : []),
      el("span", { class: "special" }, "special token"),
      ...(segments.some((segment) => !segment.trusted) ? [el("span", { class: "as-text" }, "looks special, is plain text")] : []),
    );
    $("prompt-detail").hidden = !prefix;
    $("prompt-detail").replaceChildren("The end, ", el("code", {}, prefix), ", is forced by the grammar: it is already in the prompt, so the model does not generate it.");
  }

  /** Returns special tokens in trusted text, and text that only looks like one. */
  _specials(segments) {
    const found = [];
    let start = 0;
    for (const segment of segments) {
      if (!segment.trusted) {
        const last = found.at(-1);
        if (last?.plain && last.end === start) last.end += segment.text.length;
        else found.push({ start, end: start + segment.text.length, plain: true });
      } else {
        for (const match of segment.text.matchAll(this._special)) {
          if (match[0]) found.push({ start: start + match.index, end: start + match.index + match[0].length });
        }
      }
      start += segment.text.length;
    }
    return found;
  }

  /** The arrow keys move through the parts from the request; Enter shows the current one there. */
  _step(event) {
    const pieces = [...$("prompt").querySelectorAll("[data-path]")];
    const at = pieces.findIndex((piece) => piece.classList.contains("at"));
    if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      this._show(pieces[at].dataset.path);
    }
    const to = { ArrowRight: at + 1, ArrowLeft: at < 0 ? pieces.length - 1 : at - 1 }[event.key];
    if (to === undefined || !pieces[to]) return;
    event.preventDefault();
    this._stand(pieces[to]);
  }

  _stand(piece) {
    $("prompt").querySelector(".at")?.classList.remove("at");
    piece?.classList.add("at");
    piece?.scrollIntoView({ block: "nearest" });
    this._over(piece);
  }

  _over(target) {
    this._point(target?.closest("[data-path]")?.dataset.path ?? null);
  }
}

function spans(parts, more) {
  let start = 0;
  return parts.map((part) => ({ start, end: (start += part.text.length), ...more(part) }));
}

/** Splits a text at the borders of several layers of spans; each piece has the span of every layer that it is in. */
function cut(length, layers) {
  const borders = [...new Set([0, length, ...layers.flat().flatMap(({ start, end }) => [start, end])])].sort((a, b) => a - b);
  const next = layers.map(() => 0);
  const found = [];
  for (let i = 0; i + 1 < borders.length; i += 1) {
    const [start, end] = [borders[i], borders[i + 1]];
    const inside = layers.map((layer, which) => {
      while (next[which] < layer.length && layer[next[which]].end <= start) next[which] += 1;
      const span = layer[next[which]];
      return span && span.start <= start ? span : null;
    });
    found.push({ start, end, inside });
  }
  return found;
}

/** Returns a text with visible line ends, which are not copied. */
function shown(text) {
  if (!text.includes("\n")) return text;
  return text.split("\n").flatMap((line, place) => (place ? [el("span", { class: "newline" }), "\n", line] : [line]));
}

/** Returns a one-line summary of a compiled prompt. */
export function summary(compiled, tokens, milliseconds) {
  const rules = compiled.grammar ? compiled.grammar.split("\n").filter((line) => line.includes("::=")).length : 0;
  return [
    tokens ? count(tokens.reduce((sum, token) => sum + token.ids.length, 0), "token") : count(compiled.prompt.length, "character"),
    `${compiled.style} style`,
    rules ? `grammar of ${count(rules, "rule")}` : "any text allowed",
    `${Math.round(milliseconds)} ms`,
  ].join(" · ");
}
