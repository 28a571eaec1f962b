// The tools as rendered, the grammar, the output syntax, and the template's profile.

import { tokenize } from "./api.js";
import { $, count, el } from "./dom.js";

const code = (text) => el("code", {}, text);
const quoted = (text) => code(JSON.stringify(text).slice(1, -1));

// -- tools --

export class ToolsView {
  constructor() {
    this._form = "json";
  }

  async set(compiled, profile, signal) {
    const panel = $("panel-tools");
    const texts = compiled.explanation.tools;
    if (!texts.json) {
      panel.replaceChildren(el("p", { class: "lead" }, "The request has no tools."));
      return;
    }
    const counts = {};
    for (const form of ["json", "typescript"]) counts[form] = await this._count(texts[form], signal);
    const inPrompt = compiled.explanation.parts.filter((part) => part.path.startsWith("/tools"));
    const published = inPrompt.map((part) => part.text).join("");
    const native = profile?.tools_published && compiled.style !== "generic";
    const lead = native
      ? ["This template renders the tools itself", published ? `: ${count(await this._count(published, signal), "token")} in its own notation, highlighted in the prompt. ` : ". ", "Below is how promptweave renders them for templates that do not."]
      : ["promptweave adds the tools to the system turn; ", code('"schema_style"'), " in the request selects the notation."];
    const text = el("pre", { class: "text", tabindex: "0" });
    const buttons = Object.entries({ json: "JSON Schema", typescript: "TypeScript" }).map(([form, name]) =>
      el("button", { type: "button", "data-form": form, onclick: () => show(form) }, `${name} `, el("small", {}, count(counts[form], "token"))),
    );
    const show = (form) => {
      this._form = form;
      text.textContent = texts[form];
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.form === form));
    };
    panel.replaceChildren(el("p", { class: "lead" }, ...lead), el("div", { class: "switch", role: "group", "aria-label": "Notation" }, buttons), text);
    show(this._form);
  }

  async _count(text, signal) {
    return text ? (await tokenize(text, { special: false, begin: false }, signal)).length : 0;
  }
}

// -- grammar and syntax --

const FREE = "free text";

/** Shows a compiled grammar, grouped by the part of the request that its rules come from. */
export function showGrammar(compiled, { show, point }) {
  const panel = $("panel-grammar");
  if (!compiled.grammar) {
    panel.replaceChildren(el("p", { class: "lead" }, "The output is not constrained by the request."), ...syntaxOf(compiled));
    return;
  }
  const rules = compiled.grammar.split("\n").filter(Boolean).map((line) => {
    const [name, body] = [line.slice(0, line.indexOf(" ::= ")), line.slice(line.indexOf(" ::= ") + 5)];
    return { name, body, path: compiled.explanation.rules[name] ?? (/^text(-\d+)?$/.test(name) ? FREE : "") };
  });
  const names = new Set(rules.map((rule) => rule.name));
  const groups = grouped(rules);
  const go = (name) => {
    const line = $(`rule-${name}`);
    line.closest("details").open = true;
    line.scrollIntoView({ block: "center" });
    line.focus();
  };
  const line = (rule) =>
    el("p", { class: "rule", id: `rule-${rule.name}`, tabindex: "-1" }, el("b", {}, rule.name), " ::= ", ...linked(rule.body, names, go));
  const box = ([path, inside]) => {
    const place = path.startsWith("/") && el("button", { type: "button", class: "place", onclick: () => show(path), title: "Show it in the request" }, path);
    const summary = el("summary", place ? { onmouseenter: () => point(path), onmouseleave: () => point(null) } : {}, el("span", {}, title(path)), el("small", {}, count(inside.length, "rule")));
    return el("details", { class: "group", open: path !== FREE && (rules.length <= 40 || inside[0].name === "root") }, summary, place || null, inside.map(line));
  };
  const all = [...groups].map(box);
  const fold = (open) => () => all.forEach((one) => (one.open = open));
  panel.replaceChildren(
    el("div", { class: "row facts" }, el("p", {}, `${count(rules.length, "rule")}, from ${code("root").textContent}; the prefix that is already in the prompt is omitted.`), el("div", { class: "actions" }, el("button", { type: "button", onclick: fold(true) }, "Unfold all"), el("button", { type: "button", onclick: fold(false) }, "Fold all"))),
    ...all,
    ...syntaxOf(compiled),
  );
}

function grouped(rules) {
  const groups = new Map();
  for (const rule of rules) groups.set(rule.path, [...(groups.get(rule.path) ?? []), rule]);
  return groups;
}

/** Returns the heading of a group of rules. */
function title(path) {
  if (path === FREE) return "free text, until a call begins";
  if (path === "") return "calling style, and rules shared by several schemas";
  const steps = path.split("/").slice(1);
  const after = steps.slice(steps.findIndex((step) => step === "parameters" || step === "schema") + 1).filter((step) => step !== "properties");
  return after.join(" › ") || (steps[0] === "tools" ? `arguments of tool ${Number(steps[1]) + 1}` : "the answer’s schema");
}

/** Returns a rule's body, with links to the rules that it references. Literals and classes are not split. */
function linked(body, names, go) {
  const pieces = body.match(/"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|[a-z][a-z0-9-]*|[^"[a-z]+/g) ?? [];
  return pieces.map((piece) => {
    if (names.has(piece)) return el("a", { href: `#rule-${piece}`, onclick: (event) => (event.preventDefault(), go(piece)) }, piece);
    return piece[0] === '"' || piece[0] === "[" ? el("span", { class: piece[0] === '"' ? "string" : "class" }, piece) : piece;
  });
}

function syntaxOf(compiled) {
  const rows = [
    ["Stops at", compiled.stop.length ? compiled.stop.flatMap((text) => [quoted(text), " "]) : ["the model’s end-of-turn token"]],
    ["Allowed special tokens", compiled.preserved_tokens.length ? compiled.preserved_tokens.flatMap((text) => [quoted(text), " "]) : ["none"]],
  ];
  return [
    el("h2", {}, "How the output is parsed"),
    el("dl", {}, rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, ...value)])),
    el("div", { class: "tree" }, node(compiled.syntax.root)),
  ];
}

const region = (kind) => (kind ?? "").replace("REGION_KIND_", "").toLowerCase().replaceAll("_", " ");

/** The output tree, as nested lists. */
function node({ literal, text, json, choice, sequence, repeat, region: part, emit }) {
  if (literal) return el("span", {}, quoted(literal.text ?? ""));
  if (json) return el("span", {}, "a JSON value");
  if (emit) return el("span", {}, "(adds ", quoted(emit.text ?? ""), ")");
  if (choice) return branch("one of", choice.alternatives);
  if (sequence) return branch("in order", sequence.items);
  if (repeat) {
    const bounds = repeat.max === undefined ? `${repeat.min ?? 0} or more` : `${repeat.min ?? 0} to ${repeat.max}`;
    return el("details", { open: true }, el("summary", {}, `${bounds} times`, ...(repeat.separator ? [", separated by ", quoted(repeat.separator)] : [])), node(repeat.item));
  }
  if (part) return el("details", { open: true }, el("summary", {}, el("b", {}, region(part.kind)), part.schema && !part.exact ? " (validated when complete)" : ""), node(part.body));
  const branches = text?.branches ?? [];
  const head = `free text${text?.kind ? ` (${region(text.kind)})` : ""}`;
  if (!branches.length) return el("span", {}, head);
  return el("details", { open: true }, el("summary", {}, head, text.mayEnd ? ", to the end or up to" : ", up to"), el("ul", {}, branches.map((one) => el("li", {}, ...one.markers.flatMap((marker) => [quoted(marker), " "]), "→ ", one.then ? node(one.then) : "the end"))));
}

function branch(name, items = []) {
  return el("details", { open: true }, el("summary", {}, name), el("ul", {}, items.map((item) => el("li", {}, node(item)))));
}

// -- profile --

export function showProfile(described, { edit }) {
  const { profile } = described;
  const { call_syntax: calls, reasoning_syntax: reasoning } = profile;
  const rows = [
    ["Calling style", [profile.style === "native" ? "native: calls use this template’s syntax" : `${profile.style}: works with any template`]],
    ["System messages", [profile.system_role ? "rendered" : "not rendered; merged into the user message"]],
    ["Tools", [profile.tools_published ? "rendered by the template" : "not rendered; described in the system turn"]],
    ["Tool results", [profile.tool_results ? "rendered" : "not rendered; sent as user messages"]],
    ["Call arguments", [profile.arguments_as_object ? "passed as an object" : "passed as JSON text"]],
    ["Generation prompt", [quoted(profile.generation_prompt)]],
    ["End of turn", [quoted(profile.turn_end)]],
    ...(calls ? [["Calls begin with", calls.markers.flatMap((marker) => [quoted(marker), " "])], ["Parallel calls", [calls.between ? "yes" : "no"]]] : []),
    ["Reasoning", reasoning ? [quoted(reasoning.opening), " … ", quoted(reasoning.closing)] : ["not marked by this template"]],
    ["Template", [code(described.template_hash.slice(0, 16)), " ", el("button", { type: "button", class: "place", onclick: edit }, "edit a copy")]],
  ];
  $("panel-profile").replaceChildren(
    el("p", { class: "lead" }, "Derived by rendering the template with probes, and verified by a round trip of calls that were not among them."),
    el("dl", {}, rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, ...value)])),
    ...(profile.call_example ? [el("h2", {}, "Call syntax enforced on the model"), el("pre", { class: "text", tabindex: "0" }, profile.call_example)] : []),
    el("h2", {}, "Findings"),
    el("ul", { class: "notes" }, profile.notes.map((note) => el("li", {}, note))),
  );
}
