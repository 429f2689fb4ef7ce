// The plain part of YAML, read in one pass: block mappings and lists, one-line flow collections, scalars that stand on one
// line. That is how documents are written, by people and by programs, and it is thirty times faster than a whole YAML reader.
//
// Whatever is not certainly plain (anchors, tags, block scalars, escapes, empty values, floats, a duplicate key, any error)
// is left to that reader: then there is no answer here. What there is, values and places, is what it would have said. Pure.

import type { Path } from './problem.ts';

/** A value with the offsets of it and its parts. */
interface Plain {
  readonly value: unknown;
  readonly at: number;
  /** Null for a scalar. */
  readonly items: readonly Plain[] | null;
  /** Of a mapping: offsets of the keys, in the order of `items`. */
  readonly keys: readonly number[] | null;
}

export interface PlainTree {
  readonly value: unknown;
  /** Offset of the value at `path` (or of its key), or of the deepest part of the path that exists. */
  offsetOf(path: Path, part: 'key' | 'value'): number;
}

/** Undefined for text that is not wholly plain, which says nothing about whether it is YAML. */
export function readPlainYaml(text: string): PlainTree | undefined {
  if (foreign.test(text)) return undefined;
  try {
    const root = new Reader(text).document();
    return { value: root.value, offsetOf: (path, part) => offsetOf(root, path, part) };
  } catch (error) {
    if (error instanceof NotPlain) return undefined;
    throw error;
  }
}

class NotPlain extends Error {}

/** Control characters, tabs and line ends of other systems. */
const foreign = /[^\n -~\xa1-\u2027\u202a-\ufefe\uff00-\uffff]/;
/** A key and what is between it and its value. Its length is bounded as YAML bounds keys on one line. */
const blockKey = /([A-Za-z_][\w.-]{0,200}):(?: +|$)/my;
const flowKey = /([A-Za-z_][\w.-]{0,200}): +/y;
const flowScalar = /[A-Za-z0-9_/](?:[\w./+-]|:(?=[\w./+:-]))*/y;
const quoted = /"([^"\\\n]*)"|'([^'\n]*)'/y;
const closedQuotes = /"[^"]*"|'[^']*'/g;
const openQuote = /["']/;
const spaces = / */y;
/** What YAML reads as something else than text, true, false or a whole number. */
const otherWord = /^(?:null|true|false)$/i;
const otherNumber = /^(?:\d+(?:\.\d*)?(?:e[-+]?\d+)?|0[xo].*)$/i;
const wholeNumber = /^(?:0|[1-9]\d{0,14})$/;
const maxDepth = 64;

class Reader {
  readonly #text: string;
  /** Of the line at hand: column and offset of its first character, end of its last before a comment; column -1 at the text's end. */
  #column = -1;
  #start = 0;
  #end = 0;
  #nextLine = 0;
  /** The next " #" that is not before the line at hand. */
  #comment = -1;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Plain {
    this.#advance();
    const root = this.#block();
    // A lone scalar is no document, and what follows the root is no part of it.
    if (root.items === null || this.#column !== -1) throw new NotPlain();
    return root;
  }

  /** To the next line that holds more than a comment. */
  #advance(): void {
    const text = this.#text;
    while (this.#nextLine < text.length) {
      const from = this.#nextLine;
      const newline = text.indexOf('\n', from);
      const to = newline === -1 ? text.length : newline;
      this.#nextLine = to + 1;
      const start = from + this.#skipSpaces(from);
      if (start >= to || text.charCodeAt(start) === hash) continue;
      this.#column = start - from;
      this.#start = start;
      this.#end = this.#contentEnd(start, to);
      return;
    }
    this.#column = -1;
  }

  #contentEnd(start: number, to: number): number {
    const text = this.#text;
    if (this.#comment < start) {
      const next = text.indexOf(' #', start);
      this.#comment = next === -1 ? text.length : next;
    }
    let end = Math.min(to, this.#comment);
    if (end < to && openQuote.test(text.slice(start, end).replace(closedQuotes, ''))) throw new NotPlain();
    while (text.charCodeAt(end - 1) === space) end--;
    return end;
  }

  #skipSpaces(from: number): number {
    spaces.lastIndex = from;
    return spaces.exec(this.#text)?.[0].length ?? 0;
  }

  #isItem(): boolean {
    const after = this.#start + 1;
    return this.#text.charCodeAt(this.#start) === dash && (after === this.#end || this.#text.charCodeAt(after) === space);
  }

  /** A collection that begins at the line at hand. */
  #block(): Plain {
    if (++this.#depth > maxDepth) throw new NotPlain();
    const node = this.#isItem() ? this.#list(this.#column) : this.#mapping(this.#column);
    this.#depth--;
    return node;
  }

  #mapping(column: number): Plain {
    const at = this.#start;
    const value: Record<string, unknown> = {};
    const items: Plain[] = [];
    const keys: number[] = [];
    while (this.#column === column && !this.#isItem()) {
      const keyAt = this.#start;
      const [written, name] = this.#match(blockKey, keyAt) ?? [];
      if (written === undefined || name === undefined) throw new NotPlain();
      const item = this.#valueFrom(keyAt + written.length, column, true);
      put(value, name, item);
      keys.push(keyAt);
      items.push(item);
    }
    if (this.#column > column || (this.#column === column && this.#isItem())) throw new NotPlain();
    return { value, at, items, keys };
  }

  #list(column: number): Plain {
    const at = this.#start;
    const items: Plain[] = [];
    while (this.#column === column && this.#isItem()) {
      const from = this.#start + 1 + this.#skipSpaces(this.#start + 1);
      if (from < this.#end && this.#match(blockKey, from)) {
        // A mapping that begins on the item's line stands in the column of its first key.
        this.#column = column + from - this.#start;
        this.#start = from;
        items.push(this.#block());
      } else items.push(this.#valueFrom(from, column, false));
    }
    if (this.#column > column) throw new NotPlain();
    return { value: items.map((item) => item.value), at, items, keys: null };
  }

  /** What follows a key or a dash, on its line or below. A key's list may stand in the key's own column. */
  #valueFrom(from: number, column: number, isAfterKey: boolean): Plain {
    if (from < this.#end) {
      const item = this.#inline(from);
      this.#advance();
      // A deeper line would go on with the scalar.
      if (this.#column > column) throw new NotPlain();
      return item;
    }
    this.#advance();
    if (this.#column > column || (isAfterKey && this.#column === column && this.#isItem())) return this.#block();
    throw new NotPlain();
  }

  #inline(from: number): Plain {
    const code = this.#text.charCodeAt(from);
    if (code === openBracket || code === openBrace || code === doubleQuote || code === singleQuote) {
      const { item, end } = this.#flow(from);
      if (end !== this.#end) throw new NotPlain();
      return item;
    }
    const written = this.#text.slice(from, this.#end);
    if (written.includes(': ') || written.endsWith(':')) throw new NotPlain();
    return { value: plainValue(written), at: from, items: null, keys: null };
  }

  #flow(at: number): { readonly item: Plain; readonly end: number } {
    const code = this.#text.charCodeAt(at);
    if (code === openBracket) return this.#flowCollection(at, closeBracket);
    if (code === openBrace) return this.#flowCollection(at, closeBrace);
    const text = this.#match(quoted, at);
    if (text !== null) return { item: scalar(text[1] ?? text[2] ?? '', at), end: at + text[0].length };
    const plain = this.#match(flowScalar, at);
    if (plain === null) throw new NotPlain();
    return { item: scalar(plainValue(plain[0]), at), end: at + plain[0].length };
  }

  #flowCollection(at: number, close: number): { readonly item: Plain; readonly end: number } {
    if (++this.#depth > maxDepth) throw new NotPlain();
    const items: Plain[] = [];
    const keys: number[] = [];
    const value: Record<string, unknown> = {};
    let end = at + 1 + this.#skipSpaces(at + 1);
    while (this.#text.charCodeAt(end) !== close) {
      const [written, name] = (close === closeBrace ? this.#match(flowKey, end) : null) ?? [''];
      keys.push(end);
      const inner = this.#flow(end + written.length);
      if (close === closeBrace) put(value, name ?? '', inner.item);
      items.push(inner.item);
      end = inner.end + this.#skipSpaces(inner.end);
      if (this.#text.charCodeAt(end) === comma) end += 1 + this.#skipSpaces(end + 1);
      else if (this.#text.charCodeAt(end) !== close) throw new NotPlain();
    }
    this.#depth--;
    if (close === closeBrace) return { item: { value, at, items, keys }, end: end + 1 };
    return { item: { value: items.map((item) => item.value), at, items, keys: null }, end: end + 1 };
  }

  #match(pattern: RegExp, at: number): RegExpExecArray | null {
    pattern.lastIndex = at;
    return pattern.exec(this.#text);
  }
}

const hash = 0x23;
const space = 0x20;
const dash = 0x2d;
const comma = 0x2c;
const doubleQuote = 0x22;
const singleQuote = 0x27;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

function scalar(value: unknown, at: number): Plain {
  return { value, at, items: null, keys: null };
}

/** A key that is there already, or inherited by every object, is for the whole reader to judge. */
function put(value: Record<string, unknown>, name: string, item: Plain): void {
  if (name === '' || name in value || otherWord.test(name)) throw new NotPlain();
  value[name] = item.value;
}

function plainValue(written: string): string | number | boolean {
  if (written === 'true') return true;
  if (written === 'false') return false;
  if (wholeNumber.test(written)) return Number(written);
  if (!/^[A-Za-z0-9_/]/.test(written) || otherWord.test(written) || otherNumber.test(written)) throw new NotPlain();
  return written;
}

function offsetOf(root: Plain, path: Path, part: 'key' | 'value'): number {
  let node = root;
  let offset = root.at;
  for (const [depth, segment] of path.entries()) {
    const { items, keys, value } = node;
    if (items === null) return offset;
    const index = keys === null ? Number(segment) : Object.keys(value as object).indexOf(String(segment));
    const item = items[index];
    if (item === undefined) return offset;
    // A block collection starts on the line after its key; people look for the key.
    const isAtKey = item.items !== null || (part === 'key' && depth === path.length - 1);
    offset = (isAtKey ? keys?.[index] : undefined) ?? item.at;
    node = item;
  }
  return offset;
}
