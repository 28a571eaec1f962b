// JSON with positions: the range of each value in the text, by JSON pointer, and where invalid JSON begins.

export class JsonError extends Error {
  constructor(message, text, offset) {
    const before = text.slice(0, offset).split("\n");
    super(message);
    this.offset = offset;
    this.line = before.length;
    this.column = before.at(-1).length + 1;
  }
}

/** `{value, places, tokens}`: places maps pointers to `[start, end]`; tokens are `[start, end, kind]`, for colors. */
export function readJson(text) {
  const places = new Map();
  const tokens = [];
  let at = 0;

  const fail = (message, offset = at) => {
    throw new JsonError(message, text, offset);
  };
  const found = () => (at < text.length ? `found ${JSON.stringify(text[at])}` : "the text ends");
  const space = () => {
    while (" \t\n\r".includes(text[at] ?? "x")) at += 1;
  };
  const string = (kind) => {
    const match = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
    match.lastIndex = at;
    const whole = match.exec(text)?.[0];
    if (whole === undefined) {
      const end = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
      end.lastIndex = at;
      const offset = at + end.exec(text)[0].length;
      fail(text[offset] === "\\" ? "invalid escape sequence" : "unterminated string", offset);
    }
    tokens.push([at, at + whole.length, kind]);
    at += whole.length;
    return JSON.parse(whole);
  };
  const step = (name) => `/${String(name).replace(/~/g, "~0").replace(/\//g, "~1")}`;

  const value = (pointer) => {
    space();
    const start = at;
    const read = inner(pointer);
    places.set(pointer, [start, at]);
    return read;
  };
  const inner = (pointer) => {
    const char = text[at];
    if (char === "{") return object(pointer);
    if (char === "[") return array(pointer);
    if (char === '"') return string("string");
    const word = /(?:true|false|null)\b|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    word.lastIndex = at;
    const match = word.exec(text)?.[0];
    if (match === undefined) fail(`a value is expected; ${found()}`);
    tokens.push([at, at + match.length, "word"]);
    at += match.length;
    return JSON.parse(match);
  };
  const object = (pointer) => {
    const made = {};
    at += 1;
    space();
    if (text[at] === "}") return (at += 1), made;
    for (;;) {
      space();
      if (text[at] !== '"') fail(text[at] === "}" ? "a comma stands before the end of the object" : `a key in quotes is expected; ${found()}`);
      const name = string("key");
      space();
      if (text[at] !== ":") fail(`a colon is expected after the key; ${found()}`);
      at += 1;
      Object.defineProperty(made, name, { value: value(pointer + step(name)), enumerable: true, configurable: true, writable: true });
      space();
      if (text[at] === "}") return (at += 1), made;
      if (text[at] !== ",") fail(`a comma or } is expected; ${found()}`);
      at += 1;
    }
  };
  const array = (pointer) => {
    const made = [];
    at += 1;
    space();
    if (text[at] === "]") return (at += 1), made;
    for (;;) {
      space();
      if (text[at] === "]") fail("a comma stands before the end of the list");
      made.push(value(pointer + step(made.length)));
      space();
      if (text[at] === "]") return (at += 1), made;
      if (text[at] !== ",") fail(`a comma or ] is expected; ${found()}`);
      at += 1;
    }
  };

  const read = value("");
  space();
  if (at < text.length) fail(`nothing is expected after the end; ${found()}`);
  return { value: read, places, tokens };
}

/** Returns the range of a pointer, or of the nearest enclosing value that exists. */
export function placeOf(places, pointer) {
  for (let at = pointer; ; at = at.slice(0, at.lastIndexOf("/"))) {
    if (places.has(at)) return places.get(at);
    if (at === "") return null;
  }
}
