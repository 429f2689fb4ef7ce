// The place of a path in JSON text, by one walk over it: building a YAML tree of a large document for a line number would
// cost a second. Here, too: how many keys the text has. The text must be JSON that JSON.parse took. Pure.

import type { Path } from './problem.ts';

/** Offset of the value at `path` (or of its key), or of the deepest part of the path that exists. */
export function locateInJson(text: string, path: Path, part: 'key' | 'value'): number {
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
  let best = token.exec(text)?.index ?? 0;
  for (const [depth, segment] of path.entries()) {
    // Here the walk is just behind the "{" or "[" of the container on the path.
    const found = typeof segment === 'number' ? skipItems(text, token, segment) : skipToKey(text, token, segment);
    if (found === undefined) return best;
    best = found.keyOffset;
    if (depth === path.length - 1 && part === 'key') return best;
    const value = token.exec(text);
    if (value === null) return best;
    best = value.index;
    if (value[0] !== '{' && value[0] !== '[') return best;
  }
  return best;
}

interface Found {
  readonly keyOffset: number;
}

/** Moves to just before the value of `key`; undefined when the mapping ends first. */
function skipToKey(text: string, token: RegExp, key: string): Found | undefined {
  for (;;) {
    const name = token.exec(text);
    if (name === null || !name[0].startsWith('"')) return undefined;
    token.exec(text);
    if (JSON.parse(name[0]) === key) return { keyOffset: name.index };
    skipValue(text, token);
    if (token.exec(text)?.[0] !== ',') return undefined;
  }
}

/** Moves to just before item number `count`; undefined when the list ends first. */
function skipItems(text: string, token: RegExp, count: number): Found | undefined {
  for (let skipped = 0; skipped < count; skipped++) {
    skipValue(text, token);
    if (token.exec(text)?.[0] !== ',') return undefined;
  }
  return { keyOffset: token.lastIndex };
}

function skipValue(text: string, token: RegExp): void {
  token.lastIndex = behindValue(text, token.lastIndex);
}

/** Offset of the comma or bracket behind the value. By hand: all but a few values of a large document are skipped. */
export function behindValue(text: string, start: number): number {
  let depth = 0;
  let at = start;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    else if (code === openBracket || code === openBrace) depth++;
    else if (depth === 0 && (code === comma || code === closeBracket || code === closeBrace)) break;
    else if (code === closeBracket || code === closeBrace) depth--;
  }
  return at;
}

/** Offset of the quote that ends the string which begins at `at`. */
export function endOfString(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text.charCodeAt(end) !== quote) end += text.charCodeAt(end) === backslash ? 2 : 1;
  return end;
}

/** How many keys are written in the text: one before each colon that is in no string. */
export function countWrittenKeys(text: string): number {
  let keys = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    else if (code === colon) keys++;
  }
  return keys;
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
