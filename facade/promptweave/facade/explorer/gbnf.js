// Parses a grammar as printed by the compiler (GBNF), and follows a text along it: what the grammar allows at each position.

/** Returns the rules by name; each is an expression `{kind, ...}`. */
export function readGrammar(text) {
  const rules = new Map();
  let at = 0;

  const skip = (lines) => {
    while (at < text.length && (text[at] === " " || (lines && text[at] === "\n"))) at += 1;
  };
  const name = () => {
    const match = /[a-z][a-z0-9-]*/y;
    match.lastIndex = at;
    const found = match.exec(text)?.[0] ?? "";
    at += found.length;
    return found;
  };
  const escape = () => {
    at += 1;
    const kind = text[at];
    at += 1;
    const digits = { x: 2, u: 4, U: 8 }[kind];
    if (digits) {
      const code = parseInt(text.slice(at, at + digits), 16);
      at += digits;
      return code;
    }
    return { n: 10, r: 13, t: 9 }[kind] ?? kind.codePointAt(0);
  };
  const char = () => {
    if (text[at] === "\\") return escape();
    const code = text.codePointAt(at);
    at += code > 0xffff ? 2 : 1;
    return code;
  };
  const literal = () => {
    const codes = [];
    at += 1;
    while (text[at] !== '"') codes.push(char());
    at += 1;
    return { kind: "lit", codes };
  };
  const charClass = () => {
    const ranges = [];
    at += 1;
    while (text[at] !== "]") {
      const low = char();
      let high = low;
      if (text[at] === "-") {
        at += 1;
        high = char();
      }
      ranges.push([low, high]);
    }
    at += 1;
    return { kind: "chars", ranges };
  };
  const repeated = (item) => {
    const match = /\*|\+|\?|\{(\d+)(,?)(\d*)\}/y;
    match.lastIndex = at;
    const found = match.exec(text);
    if (!found) return item;
    at += found[0].length;
    const plain = { "*": [0, Infinity], "+": [1, Infinity], "?": [0, 1] }[found[0]];
    const low = Number(found[1]);
    const [min, max] = plain ?? [low, found[3] ? Number(found[3]) : found[2] ? Infinity : low];
    return { kind: "rep", item, min, max };
  };
  const choice = () => {
    const items = [sequence()];
    while (text[at] === "|") {
      at += 1;
      items.push(sequence());
    }
    return items.length === 1 ? items[0] : { kind: "alt", items };
  };
  const sequence = () => {
    const items = [];
    for (;;) {
      skip(false);
      const head = text[at];
      let item;
      if (head === '"') item = literal();
      else if (head === "[") item = charClass();
      else if (head === "(") {
        at += 1;
        item = choice();
        at += 1;
      } else if (head >= "a" && head <= "z") item = { kind: "ref", name: name() };
      else return items.length === 1 ? items[0] : { kind: "seq", items };
      items.push(repeated(item));
    }
  };

  for (skip(true); at < text.length; skip(true)) {
    const start = at;
    const rule = name();
    at += " ::= ".length;
    const expr = choice();
    if (!rule || at === start) throw new Error(`cannot parse this grammar at ${at}`);
    rules.set(rule, expr);
  }
  return rules;
}

const MOST = 500;

/**
 * A position in a grammar. Immutable: `after` returns the next one, or null if the character is not allowed.
 * A stack is a linked list of the remaining expressions; the compiler's grammars are deterministic, so there are few.
 */
export class Position {
  constructor(rules, stacks) {
    this._rules = rules;
    this._heads = [];
    this.canEnd = false;
    for (const stack of stacks) this._expand(stack);
  }

  static start(rules) {
    return new Position(rules, [{ expr: { kind: "ref", name: "root" }, next: null }]);
  }

  /** Returns the only character that is allowed here, or null if there are others or the text may end. */
  get only() {
    if (this.canEnd || !this._heads.length) return null;
    const codes = new Set(this._heads.map(({ ranges }) => (ranges.length === 1 && ranges[0][0] === ranges[0][1] ? ranges[0][0] : null)));
    return codes.size === 1 ? [...codes][0] : null;
  }

  get mustEnd() {
    return this.canEnd && !this._heads.length;
  }

  after(code) {
    const stacks = this._heads.filter(({ ranges }) => ranges.some(([low, high]) => low <= code && code <= high));
    return stacks.length ? new Position(this._rules, stacks.map(({ rest }) => rest)) : null;
  }

  /** Returns whether some character between two code points is allowed. */
  admitsAny(low, high) {
    return this._heads.some(({ ranges }) => ranges.some(([from, to]) => from <= high && low <= to));
  }

  _expand(stack) {
    if (this._heads.length > MOST) throw new Error("too ambiguous to follow");
    if (stack === null) {
      this.canEnd = true;
      return;
    }
    const { expr, next } = stack;
    switch (expr.kind) {
      case "lit": {
        const place = stack.place ?? 0;
        if (place === expr.codes.length) this._expand(next);
        else {
          const code = expr.codes[place];
          this._heads.push({ ranges: [[code, code]], rest: place + 1 === expr.codes.length ? next : { expr, next, place: place + 1 } });
        }
        break;
      }
      case "chars":
        this._heads.push({ ranges: expr.ranges, rest: next });
        break;
      case "seq":
        this._expand(expr.items.reduceRight((rest, item) => ({ expr: item, next: rest }), next));
        break;
      case "alt":
        for (const item of expr.items) this._expand({ expr: item, next });
        break;
      case "ref":
        this._expand({ expr: this._rules.get(expr.name), next });
        break;
      case "rep": {
        const { item, min, max } = expr;
        if (min === 0) this._expand(next);
        if (max > 0) this._expand({ expr: item, next: max === 1 ? next : { expr: { kind: "rep", item, min: Math.max(min - 1, 0), max: max - 1 }, next } });
      }
    }
  }
}

/** Returns whether a token is allowed: true, false, or null if unknown. `end`: it ends the turn. */
export function admits(position, bytes, end) {
  if (end) return position.canEnd;
  let here = position;
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes[at]);
    if (length === 0) return false;
    if (at + length > bytes.length) {
      // A token that ends inside a character: some character with these first bytes must be allowed.
      const [low, high] = beginningOf(bytes.slice(at), length);
      return here.admitsAny(low, high);
    }
    here = here.after(decode(bytes.slice(at, at + length)));
    if (!here) return false;
    at += length;
  }
  return true;
}

const sequenceLength = (byte) => (byte < 0x80 ? 1 : byte < 0xc2 ? 0 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 0);
const lead = (byte, length) => (length === 1 ? byte : byte & (0xff >> (length + 1)));
const decode = (bytes) => bytes.slice(1).reduce((code, byte) => (code << 6) | (byte & 0x3f), lead(bytes[0], bytes.length));

function beginningOf(bytes, length) {
  const low = [...bytes, ...Array(length - bytes.length).fill(0x80)];
  const high = [...bytes, ...Array(length - bytes.length).fill(0xbf)];
  return [decode(low), decode(high)];
}
