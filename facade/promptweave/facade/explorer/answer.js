// The answer: its tokens as they arrive, colored by how much the grammar restricted each, next to the parsed message.

import { post, stream } from "./api.js";
import { $, count, el } from "./dom.js";
import { Position, admits, readGrammar } from "./gbnf.js";

const KINDS = {
  forced: "the grammar allowed nothing else",
  constrained: "the grammar ruled out what the model preferred",
  chosen: "the model’s own choice",
  unknown: "the grammar could not be followed",
};
const TOP = 8;

// -- classification of tokens --

/** Follows tokens along a grammar, and returns the kind of each. */
class Follower {
  constructor(grammar, { eos_token: eos, special_tokens: specials }) {
    this._eos = eos;
    this._specials = new Set(specials);
    try {
      this._position = grammar ? Position.start(readGrammar(grammar)) : null;
      this._lost = false;
    } catch {
      this._lost = true;
    }
    this._free = !grammar;
  }

  /** `{kind, candidates}`: the most likely tokens, each with `admitted` true, false, or null if unknown. */
  read(token) {
    const candidates = token.top_logprobs.map((one) => ({ ...one, end: one.token === this._eos, admitted: this._free ? true : null }));
    if (this._free) return { kind: "chosen", candidates };
    if (this._lost) return { kind: "unknown", candidates };
    try {
      return this._read(token, candidates);
    } catch {
      this._lost = true;
      return { kind: "unknown", candidates };
    }
  }

  _read(token, candidates) {
    const start = this._position;
    for (const one of candidates) {
      one.admitted = admits(start, one.bytes, one.end);
      // Other special tokens may also end the turn; only the engine knows which.
      if (!one.admitted && start.canEnd && this._specials.has(one.token)) one.admitted = null;
    }
    const end = token.token === this._eos || (this._specials.has(token.token) && admits(start, token.bytes, false) === false);
    const forced = end ? start.mustEnd : this._follow([...token.token].map((char) => char.codePointAt(0)));
    const preferred = candidates.some((one) => one.logprob > token.logprob && one.admitted === false);
    return { kind: forced ? "forced" : preferred ? "constrained" : "chosen", candidates };
  }

  /** Advances by some characters; returns whether each of them was the only one allowed. */
  _follow(codes) {
    let forced = codes.length > 0;
    for (const code of codes) {
      forced &&= this._position.only === code;
      const next = this._position.after(code);
      if (!next) throw new Error("this does not match the grammar");
      this._position = next;
    }
    return forced;
  }
}

// -- the message --

/** Shows a message: `content`, `reasoning_content`, `tool_calls`, with OpenAI's names. */
function showMessage(message, end = null) {
  const parts = [];
  const part = (name, text, kind = "") => parts.push(el("section", { class: `part ${kind}` }, el("h3", {}, name), el("pre", {}, text)));
  if (message.reasoning_content) part("reasoning", message.reasoning_content, "quiet");
  if (message.content) part("content", message.content);
  for (const call of message.tool_calls ?? []) {
    const { name, arguments: given, input } = call.function ?? call.custom;
    parts.push(
      el(
        "section",
        { class: "part call" },
        el("h3", {}, "call ", el("b", {}, name), call.complete === false ? el("span", { class: "cut" }, " truncated, not reported as complete") : ""),
        el("pre", {}, given ?? input ?? ""),
      ),
    );
  }
  if (message.refusal) part("refusal", message.refusal, "warned");
  for (const one of end?.violations ?? []) part("violates its schema", `${one.path} ${one.message}\n${one.text}`, "warned");
  for (const one of end?.warnings ?? []) part("does not match its syntax", `after ${count(one.offset, "character")}: ${one.message}`, "warned");
  if (end) {
    const whole = end.complete === undefined ? "" : end.complete ? "; complete" : "; incomplete";
    parts.push(el("p", { class: "finish" }, "finish reason ", el("code", {}, end.finish_reason), whole));
  }
  $("message").replaceChildren(...(parts.length ? parts : [el("p", { class: "lead" }, "Nothing yet.")]));
}

function grow(message, delta) {
  for (const name of ["content", "reasoning_content", "refusal"]) if (delta[name]) message[name] = (message[name] ?? "") + delta[name];
  for (const piece of delta.tool_calls ?? []) {
    message.tool_calls ??= [];
    const call = (message.tool_calls[piece.index] ??= piece.custom ? { custom: { name: "", input: "" } } : { function: { name: "", arguments: "" } });
    for (const kind of ["function", "custom"]) {
      for (const [name, text] of Object.entries(piece[kind] ?? {})) call[kind][name] = (call[kind][name] ?? "") + text;
    }
  }
}

// -- the view --

export class Answer {
  constructor({ onError, onState }) {
    this._onError = onError;
    this._onState = onState;
    this._tokens = [];
    this._running = null;
    this._run = null;
    const box = $("tokens");
    box.addEventListener("mouseover", (event) => event.target.dataset.token && this._select(Number(event.target.dataset.token)));
    box.addEventListener("keydown", (event) => {
      const last = this._tokens.length - 1;
      const to = { ArrowRight: (this._at ?? -1) + 1, ArrowLeft: (this._at ?? 1) - 1, Home: 0, End: last }[event.key];
      if (to === undefined || last < 0) return;
      event.preventDefault();
      this._select(Math.max(0, Math.min(to, last)), true);
    });
    $("output").addEventListener("input", () => this.parse());
    $("cut").addEventListener("change", () => this.parse());
    $("from-run").addEventListener("click", () => this.choose("run"));
    $("from-paste").addEventListener("click", () => this.choose("paste"));
    this.choose("run");
  }

  /** Selects the output: the model's ("run"), or a pasted one ("paste"). */
  choose(which) {
    this._which = which;
    $("from-run").setAttribute("aria-pressed", String(which === "run"));
    $("from-paste").setAttribute("aria-pressed", String(which === "paste"));
    $("ran").hidden = which !== "run";
    $("pasted").hidden = which !== "paste";
    $("timings").hidden = which !== "run";
    if (which === "paste") this.parse();
    else if (this._run) showMessage(this._run.message, this._run.end);
    else $("message").replaceChildren(el("p", { class: "lead" }, "Run generates an answer with the loaded model, and shows for each token how free the choice was."));
  }

  setCompiled(compiled) {
    this._compiled = compiled;
    if (this._which === "paste") this.parse();
  }

  get running() {
    return this._running !== null;
  }

  stop() {
    this._running?.abort();
  }

  /** Parses the pasted output. */
  async parse() {
    if (this._which !== "paste" || !this._compiled) return;
    this._parsing?.abort();
    const { signal } = (this._parsing = new AbortController());
    const text = $("output").value;
    if (!text) {
      $("message").replaceChildren(el("p", { class: "lead" }, "Paste a model’s output for this prompt, without the prefix that is already in the prompt."));
      return;
    }
    try {
      const read = await post("parse", { syntax: this._compiled.syntax, text, finished: !$("cut").checked }, signal);
      showMessage(read.message, read);
    } catch (error) {
      if (error.name !== "AbortError") this._onError(error);
    }
  }

  /** Generates an answer, and shows its tokens. */
  async run(request, template) {
    this.stop();
    this.choose("run");
    const running = (this._running = new AbortController());
    const compiled = this._compiled;
    const run = (this._run = { message: {}, end: null });
    const follower = new Follower(compiled.grammar, template);
    this._tokens = [];
    this._at = undefined;
    this._counts = { forced: 0, constrained: 0, chosen: 0, unknown: 0 };
    $("tokens").replaceChildren(...(compiled.syntax.prefix ? [el("span", { class: "prefix", title: "Already in the prompt" }, compiled.syntax.prefix)] : []));
    $("token").replaceChildren();
    $("timings").textContent = "waiting for the model";
    $("answer-legend").hidden = false;
    this._legend();
    showMessage(run.message);
    this._onState("running");
    const body = { ...request, n: 1, stream: true, stream_options: { include_usage: true }, explain: true, top_logprobs: Math.max(request.top_logprobs ?? 0, TOP) };
    let usage = null;
    let timings = null;
    try {
      for await (const chunk of stream("v1/chat/completions", body, running.signal)) {
        usage = chunk.usage ?? usage;
        const choice = chunk.choices[0];
        if (!choice) continue;
        grow(run.message, choice.delta);
        for (const token of choice.tokens ?? []) this._add(token, follower.read(token));
        timings = choice.timings ?? timings;
        if (choice.finish_reason) run.end = { finish_reason: choice.finish_reason };
        if (this._which === "run") showMessage(run.message, run.end);
        this._legend();
      }
      $("timings").textContent = told(timings, usage);
      this._onState("ran");
    } catch (error) {
      $("timings").textContent = error.name === "AbortError" ? "stopped" : "";
      if (error.name !== "AbortError") this._onError(error);
      this._onState("stopped");
    } finally {
      if (this._running === running) this._running = null;
    }
  }

  _add(token, { kind, candidates }) {
    const place = this._tokens.length;
    this._counts[kind] += 1;
    const own = el("span", { class: `t ${kind}`, "data-token": String(place) }, visible(token.token));
    this._tokens.push({ ...token, kind, candidates, own });
    const box = $("tokens");
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    box.append(own);
    if (atEnd) box.scrollTop = box.scrollHeight;
  }

  _legend() {
    $("answer-legend").replaceChildren(
      ...Object.entries(KINDS)
        .filter(([kind]) => kind !== "unknown" || this._counts.unknown)
        .map(([kind, meaning]) => el("span", { title: meaning }, el("span", { class: `t ${kind}` }, kind), ` ${this._counts[kind]}`)),
    );
  }

  _select(place, scroll = false) {
    this._tokens[this._at]?.own.classList.remove("current");
    this._at = place;
    const { own, kind, candidates, token, id, logprob, region, end } = this._tokens[place];
    own.classList.add("current");
    if (scroll) own.scrollIntoView({ block: "nearest" });
    const rows = candidates.some((one) => one.id === id) ? candidates : [...candidates, { id, token, logprob, admitted: true, end }];
    $("token").replaceChildren(
      el("p", {}, el("b", {}, kind), `: ${KINDS[kind]}. `, el("span", { class: "quiet" }, `Token ${id}, ${region ? region.replaceAll("_", " ") : "syntax"}.`)),
      el(
        "table",
        {},
        el("caption", {}, "Most likely tokens without the grammar"),
        el("tbody", {}, rows.map((one) => row(one, one.id === id))),
      ),
    );
  }
}

function row(candidate, taken) {
  const share = Math.exp(candidate.logprob);
  const out = candidate.admitted === false;
  const meter = el("meter", { min: "0", max: "1", value: String(share), "aria-hidden": "true" });
  return el(
    "tr",
    { class: `${taken ? "taken" : ""} ${out ? "out" : ""}` },
    el("td", {}, el("code", {}, visible(candidate.token))),
    el("td", {}, meter),
    el("td", { class: "number" }, percent(share)),
    el("td", {}, taken ? "generated" : out ? "ruled out" : ""),
  );
}

const percent = (share) => (share >= 0.0001 ? `${(share * 100).toFixed(share >= 0.1 ? 0 : 2)} %` : "< 0.01 %");

/** Replaces control characters by visible symbols; keeps line ends. */
function visible(text) {
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f]/g, (char) => (char === "\u007f" ? "\u2421" : String.fromCodePoint(0x2400 + char.codePointAt(0)))).replace(/\n/g, "\u21b5\n");
}

function told(timings, usage) {
  if (!timings || !usage) return "";
  const cached = timings.cache_n ? `, ${timings.cache_n.toLocaleString("en")} of them cached` : "";
  const seconds = timings.predicted_ms / 1000;
  const speed = seconds > 0 ? ` (${Math.round(timings.predicted_n / seconds)} tokens/s)` : "";
  return `prompt ${count(usage.prompt_tokens, "token")}${cached} in ${Math.round(timings.prompt_ms)} ms · answer ${count(timings.predicted_n, "token")} in ${Math.round(timings.predicted_ms)} ms${speed}`;
}
