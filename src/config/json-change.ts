// The values of a JSON text that is mostly another one, whose values are known: only the innermost mapping or list that holds all
// of the difference is parsed, and all others are the very objects of before. Ten thousand backends of which one changes are read
// in a millisecond or two. Pure.
//
// What stands around that mapping or list is the same in both texts, so with one JSON value in its place the whole is JSON again,
// and has a key twice only where that value has.

import { behindValue, countWrittenKeys, endOfString } from './json-locate.ts';
import type { Path } from './problem.ts';
import { isObject } from './same-values.ts';

/** A text that JSON.parse took, no key twice in one place. */
export interface JsonText {
  readonly text: string;
  readonly value: unknown;
}

/** Undefined where all of the text must be read. */
export function readChange(text: string, before: JsonText): object | undefined {
  const start = commonStart(text, before.text);
  const tail = commonEnd(text, before.text, Math.min(text.length, before.text.length) - start);
  const part = innermost(before.text, start, before.text.length - tail);
  if (part === undefined) return undefined;
  const written = text.slice(part.first, part.end + text.length - before.text.length);
  try {
    const value = JSON.parse(written) as object; // its brackets are those of before
    return countKeys(value) === countWrittenKeys(written) ? replaced(before.value, part.path, value) : undefined;
  } catch {
    return undefined;
  }
}

/** A key that is written twice in one place is there once. */
export function countKeys(value: object): number {
  let keys = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const inner of Object.values(value) as unknown[]) if (isObject(inner)) keys += countKeys(inner);
  return keys;
}

/** Texts are compared by so many characters at once first. */
const stride = 4096;

function commonStart(a: string, b: string): number {
  let at = 0;
  while (at + stride <= a.length && a.slice(at, at + stride) === b.slice(at, at + stride)) at += stride;
  while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return at;
}

/** Of their last `limit` characters. */
function commonEnd(a: string, b: string, limit: number): number {
  const from = (text: string, count: number): string => text.slice(text.length - count, text.length - count + stride);
  let count = 0;
  while (count + stride <= limit && from(a, count + stride) === from(b, count + stride)) count += stride;
  while (count < limit && a.charCodeAt(a.length - 1 - count) === b.charCodeAt(b.length - 1 - count)) count++;
  return count;
}

interface Part {
  readonly path: Path;
  /** Of its opening bracket, and behind its closing one. */
  readonly first: number;
  readonly end: number;
}

/** The innermost collection within the text's own that begins before `start` and ends behind `end`. */
function innermost(text: string, start: number, end: number): Part | undefined {
  let found: Part | undefined;
  for (let at = text.search(/[{[]/); ; ) {
    const inner = enter(text, at, { start, end });
    if (inner === undefined) return found;
    found = { ...inner, path: [...(found?.path ?? []), ...inner.path] };
    at = inner.first;
  }
}

interface Window {
  readonly start: number;
  readonly end: number;
}

/** The item of the collection at `opening` that holds the window and is a collection itself. */
function enter(text: string, opening: number, window: Window): Part | undefined {
  const isList = text.charAt(opening) === '[';
  let at = skip(text, opening + 1);
  for (let item = 0; at < window.start; item++) {
    const keyEnd = isList ? at : endOfString(text, at) + 1;
    const first = isList ? at : skip(text, keyEnd);
    const end = first + text.slice(first, behindValue(text, first)).trimEnd().length;
    if (first >= window.start || end <= first) return undefined;
    if (end > window.end) {
      if (!/[{[]/.test(text.charAt(first))) return undefined;
      return { path: [isList ? item : (JSON.parse(text.slice(at, keyEnd)) as string)], first, end };
    }
    at = skip(text, end);
  }
  return undefined;
}

/** Blanks, and what stands between keys and values. */
function skip(text: string, start: number): number {
  let at = start;
  while (' \t\r\n,:'.includes(text.charAt(at)) && at < text.length) at++;
  return at;
}

function replaced(value: unknown, [segment, ...rest]: Path, part: object): object {
  if (segment === undefined || !isObject(value)) return part;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  return Object.assign(copy, { [segment]: replaced(value[segment], rest, part) });
}
