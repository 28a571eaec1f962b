// The Prompt Explorer: a chat request on the left, what the model receives on the right. It uses only the facade's public routes.

import { Refusal, get, key, post, target } from "./api.js";
import { Answer } from "./answer.js";
import { ToolsView, showGrammar, showProfile } from "./compiled_views.js";
import { $, el, tabs } from "./dom.js";
import { Editor } from "./editor.js";
import { EXAMPLES, pretty } from "./examples.js";
import { JsonError, placeOf, readJson } from "./json.js";
import { PromptView, summary, tokensOf } from "./prompt_view.js";
import { fromFragment, fromText, toFragment, toText } from "./state.js";

const QUIET_MS = 250;

/** The server's description of the model's own template; null until it is loaded. */
let own = null;
/** The names of the models if there are several: then each request names one. */
let several = null;
/** The current description: of the model's template, or of the one in the editor. */
let described = null;
/** The last request that was valid JSON: `{value, places}`. */
let read = null;
let compiling = null;
let timer = null;
let compiled = null;

const selectSource = tabs(document.querySelector(".source .tabs"));
const selectResult = tabs(document.querySelector(".result .tabs"));
const request = new Editor($("request-editor"), { onInput: soon });
const template = new Editor($("template-editor"), { onInput: soon });
const links = { show, point };
const prompt = new PromptView(links);
const tools = new ToolsView();
const answer = new Answer({ onError: showError, onState: showRun });

// -- compiling --

function state(name) {
  document.documentElement.dataset.state = name;
  $("stale").hidden = name !== "error" || !compiled;
}

function soon() {
  state("waiting");
  clearTimeout(timer);
  timer = setTimeout(compile, QUIET_MS);
  check();
}

/** Parses the request's JSON, and shows where it is invalid. */
function check() {
  const line = $("request-state");
  line.classList.remove("wrong");
  try {
    read = readJson(request.text);
    request.paint(read.tokens, []);
    line.textContent = "";
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    read = null;
    const place = [error.offset, Math.min(error.offset + 1, request.text.length)];
    request.paint([], [[...place, "wrong"]]);
    line.classList.add("wrong");
    line.replaceChildren(
      `Not JSON: line ${error.line}, column ${error.column}: ${error.message}. `,
      el("button", { type: "button", class: "place", onclick: () => request.show(place) }, "Show"),
    );
  }
  return read !== null;
}

/** Returns the template fields of a body: none for the model's own template. */
function brought() {
  const source = template.text;
  const same = own && source === own.template && $("bos").value === own.bos_token && $("eos").value === own.eos_token;
  return same || !source ? {} : { template: source, bos_token: $("bos").value, eos_token: $("eos").value };
}

const isOwn = () => !("template" in brought());

async function compile() {
  clearTimeout(timer);
  compiling?.abort();
  showRun(answer.running ? "running" : "idle");
  if (!check()) return state("error");
  const { signal } = (compiling = new AbortController());
  state("compiling");
  let asked = read.value;
  const began = performance.now();
  try {
    if (!own || (several && target.model !== asked.model)) [own, asked] = await describeOwn(asked, signal);
    const theirs = brought();
    const [found, about] = await Promise.all([
      post("apply-template", { ...asked, ...theirs, explain: true }, signal),
      isOwn() ? own : post("describe-template", theirs, signal),
    ]);
    const took = performance.now() - began;
    [compiled, described] = [found, about];
    showRun(answer.running ? "running" : "idle");
    showWarnings(found.warnings);
    showError(null);
    prompt.set(found, asked, about.special_tokens.length ? about.special_tokens : own.special_tokens);
    $("summary").textContent = summary(found, null, took);
    showGrammar(found, links);
    showProfile(about, { edit: () => selectSource("tab-template") });
    answer.setCompiled(found);
    const tokens = await tokensOf(found.segments, signal);
    prompt.setTokens(tokens);
    $("summary").textContent = summary(found, tokens, took);
    await tools.set(found, about.profile, signal);
    state("ready");
  } catch (error) {
    if (error.name === "AbortError") return;
    showError(error);
    state("error");
  }
}

/** Loads the description of the template of a request's model. Returns it and the request, with a model name added if an example needs one. */
async function describeOwn(given, signal) {
  const names = (await get("v1/models", signal)).data.map((model) => model.id);
  let asked = given;
  let found = null;
  try {
    if (!several) found = await post("describe-template", {}, signal);
  } catch (error) {
    if (!(error instanceof Refusal && error.place === "/model")) throw error;
    several = names;
    const example = EXAMPLES.find(([, one]) => pretty(one) === request.text);
    if (example) {
      asked = named(example[1]);
      request.text = pretty(asked);
      check();
    }
  }
  const model = several ? asked.model : undefined;
  found ??= await post("describe-template", { model }, signal);
  target.model = model;
  $("model").textContent = model ?? names[0] ?? "";
  // A template from a link is kept.
  if (!template.text || template.text === own?.template) setTemplate(found.template, found.bos_token, found.eos_token);
  return [found, asked];
}

/** Adds a model name to an example if there are several models. */
const named = (example) => (several ? { ...example, model: several[0] } : example);

function setTemplate(source, bos, eos) {
  template.text = source;
  $("bos").value = bos;
  $("eos").value = eos;
}

// -- errors and warnings --

function showError(error) {
  const box = $("error");
  box.hidden = !error;
  if (!error) return;
  const place = error instanceof Refusal && error.place !== null && read ? placeOf(read.places, error.place) : null;
  box.replaceChildren(
    el("b", {}, error instanceof Refusal && error.place ? `${error.place}: ` : ""),
    error instanceof TypeError ? "The server is not responding." : error.message,
    ...(place ? [" ", el("button", { type: "button", class: "place", onclick: () => show(error.place) }, "Show")] : []),
  );
  if (place) request.mark([[...place, "wrong"]]);
  if (error instanceof Refusal && error.status === 401) askForKey(true);
}

function showWarnings(warnings) {
  $("warnings").hidden = !warnings.length;
  $("warnings").replaceChildren(
    ...warnings.map((warning) =>
      el(
        "li",
        {},
        el("button", { type: "button", class: "place", onclick: () => show(warning.path), title: "Show it in the request" }, warning.path || "/"),
        ` ${warning.message}`,
      ),
    ),
  );
  const places = warnings.map((warning) => placeOf(read.places, warning.path)).filter((place) => place && place[1] - place[0] < request.text.length);
  request.mark(places.map((place) => [...place, "warned"]));
}

/** Selects a value of the request. */
function show(path) {
  const place = read && placeOf(read.places, path);
  if (!place) return;
  selectSource("tab-request");
  request.show(place);
}

/** Highlights a value of the request; null: none. */
function point(path) {
  request.point(path === null || !read || $("panel-request").hidden ? null : placeOf(read.places, path));
}

// -- running --

function showRun(now) {
  const running = now === "running";
  $("run").textContent = running ? "Stop" : "Run";
  $("run").disabled = !running && (!compiled || !isOwn());
  $("run").title = isOwn() ? "Ctrl+Enter" : "Run uses the loaded model with its own template";
  $("template-lead").textContent = isOwn()
    ? "The loaded model’s template. Edit it, or paste another one, to see how requests compile with it."
    : "A template of your own: requests compile with it, and outputs can be pasted. Run requires the model’s own template.";
  document.documentElement.dataset.run = now;
}

async function run() {
  if (answer.running) return answer.stop();
  await compile();
  if (document.documentElement.dataset.state !== "ready" || !isOwn()) return;
  selectResult("tab-answer");
  // On a small screen the result is below the request.
  if ($("tab-answer").getBoundingClientRect().top > innerHeight / 2) $("tab-answer").scrollIntoView({ block: "start" });
  await answer.run(read.value, own);
}

// -- the key, links and files --

function askForKey(open) {
  $("key-panel").hidden = !open;
  $("key-button").setAttribute("aria-expanded", String(open));
  if (open) {
    $("key").value = key.get();
    $("key").focus();
  }
}

const current = () => ({ request: request.text, output: $("output").value, ...(({ template: source, bos_token: bos, eos_token: eos }) => ({ template: source, bos, eos }))(brought()) });

function take(given) {
  request.text = given.request;
  if (given.template) setTemplate(given.template, given.bos ?? "", given.eos ?? "");
  else if (own) setTemplate(own.template, own.bos_token, own.eos_token);
  else template.text = "";
  $("output").value = given.output ?? "";
  answer.choose(given.output ? "paste" : "run");
  if (given.output) selectResult("tab-answer");
  return compile();
}

function say(text) {
  $("said").textContent = text;
  $("said").classList.add("shown");
  setTimeout(() => $("said").classList.remove("shown"), 2500);
}

async function copyLink() {
  history.replaceState(null, "", await toFragment(current()));
  try {
    await navigator.clipboard.writeText(location.href);
    say("Link copied.");
  } catch {
    // Without HTTPS a page may not write to the clipboard.
    say("The link is in the address bar.");
  }
}

function save() {
  const address = URL.createObjectURL(new Blob([toText(current())], { type: "application/json" }));
  el("a", { href: address, download: "prompt.json" }).click();
  URL.revokeObjectURL(address);
}

async function openFile(file) {
  const given = file && fromText(await file.text());
  if (given) await take(given);
  else if (file) say("This file is neither a chat request nor one saved by the Prompt Explorer.");
}

async function begin() {
  $("examples").append(el("option", { value: "" }, "Examples"), ...EXAMPLES.map(([name], place) => el("option", { value: String(place) }, name)));
  $("examples").addEventListener("change", (event) => {
    if (event.target.value !== "") take({ request: pretty(named(EXAMPLES[Number(event.target.value)][1])) });
    event.target.value = "";
  });
  $("run").addEventListener("click", run);
  $("link").addEventListener("click", copyLink);
  $("save").addEventListener("click", save);
  $("open").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", async (event) => {
    await openFile(event.target.files[0]);
    event.target.value = "";
  });
  $("own-template").addEventListener("click", () => {
    if (own) setTemplate(own.template, own.bos_token, own.eos_token);
    soon();
  });
  for (const id of ["bos", "eos"]) $(id).addEventListener("input", soon);
  $("key-button").addEventListener("click", () => askForKey($("key-panel").hidden));
  $("key-panel").addEventListener("submit", (event) => {
    event.preventDefault();
    key.set($("key").value.trim());
    askForKey(false);
    compile();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") run();
  });
  window.addEventListener("hashchange", async () => {
    const given = await fromFragment(location.hash);
    if (given) await take(given);
  });
  showRun("idle");
  await take((await fromFragment(location.hash)) ?? { request: pretty(EXAMPLES[0][1]) });
}

begin();
