// A plain textarea with colors and marks behind it, so that editing behaves as usual.

import { el } from "./dom.js";

export class Editor {
  constructor(box, { onInput }) {
    this.area = box.querySelector("textarea");
    this._behind = box.querySelector("pre");
    this._tokens = [];
    this._marks = [];
    this.area.addEventListener("input", () => {
      this._tokens = [];
      this._marks = [];
      this._draw();
      onInput();
    });
    this.area.addEventListener("scroll", () => this._follow());
    this.area.addEventListener("keydown", (event) => this._indent(event));
  }

  get text() {
    return this.area.value;
  }

  set text(text) {
    this.area.value = text;
    this.paint([], []);
    this.area.scrollTop = 0;
  }

  /** `tokens`, `marks`: `[start, end, class]`, in order; a mark may span tokens. */
  paint(tokens, marks) {
    this._tokens = tokens;
    this._marks = marks;
    this._draw();
  }

  mark(marks) {
    this.paint(this._tokens, marks);
  }

  /** Selects a range and scrolls it into view. */
  show([start, end]) {
    this.area.focus();
    this.area.setSelectionRange(start, end);
    this._reveal(start, end);
  }

  /** Marks a range without taking the focus; null: none. */
  point(place) {
    const marks = this._marks.filter(([, , kind]) => kind !== "pointed");
    this.mark(place ? [...marks, [...place, "pointed"]] : marks);
    if (place) this._reveal(...place);
  }

  _reveal(start, end) {
    const range = document.createRange();
    const [from, to] = [this._at(start), this._at(end)];
    if (!from || !to) return;
    range.setStart(...from);
    range.setEnd(...to);
    const there = range.getBoundingClientRect();
    const box = this.area.getBoundingClientRect();
    if (there.top < box.top || there.bottom > box.bottom) this.area.scrollTop += there.top - box.top - box.height / 4;
    this._follow();
  }

  _at(offset) {
    const walker = document.createTreeWalker(this._behind, NodeFilter.SHOW_TEXT);
    let left = offset;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (left <= node.length) return [node, left];
      left -= node.length;
    }
    return null;
  }

  _draw() {
    const text = this.text;
    const cuts = new Set([0, text.length]);
    for (const [start, end] of [...this._tokens, ...this._marks]) cuts.add(start).add(Math.max(end, start));
    const sorted = [...cuts].sort((a, b) => a - b);
    const pieces = [];
    let token = 0;
    for (let i = 0; i + 1 < sorted.length; i += 1) {
      const [start, end] = [sorted[i], sorted[i + 1]];
      while (token < this._tokens.length && this._tokens[token][1] <= start) token += 1;
      const own = this._tokens[token]?.[0] <= start ? this._tokens[token][2] : "";
      const marks = this._marks.filter((mark) => mark[0] <= start && end <= mark[1]).map((mark) => mark[2]);
      const kinds = [own, ...marks].filter(Boolean).join(" ");
      const piece = text.slice(start, end);
      pieces.push(kinds ? el("span", { class: kinds }, piece) : piece);
    }
    // An empty last line has no height without content.
    this._behind.replaceChildren(...pieces, "\n ");
    this._follow();
  }

  _follow() {
    this._behind.scrollTop = this.area.scrollTop;
    this._behind.scrollLeft = this.area.scrollLeft;
  }

  /** Enter keeps the indentation. Tab leaves the field, as usual. */
  _indent(event) {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.isComposing) return;
    event.preventDefault();
    const before = this.text.slice(0, this.area.selectionStart);
    const line = before.slice(before.lastIndexOf("\n") + 1);
    const deeper = /[{[]\s*$/.test(line) ? "  " : "";
    this.area.setRangeText(`\n${/^\s*/.exec(line)[0]}${deeper}`, this.area.selectionStart, this.area.selectionEnd, "end");
    this.area.dispatchEvent(new Event("input"));
  }
}
