// Text to plain values, and back from a path to its line and column.
//
// JSON goes through JSON.parse and YAML as documents are written through a quick library, each many times faster than the
// careful one, which has the last word: a large document must be in force within a second. JSON.parse keeps the last of two
// equal keys without a word, so such text is left to YAML, which refuses it. Pure.

import { countWrittenKeys, locateInJson } from './json-locate.ts';
import { existingPart, type Path, type Position, type Problem } from './problem.ts';
import { readQuickYaml } from './quick-yaml.ts';
import { readYaml } from './yaml-tree.ts';

export interface Tree {
  readonly value: unknown;
  /** Where `path` is, or the deepest part of it that exists. `key`: the key rather than its value. */
  locate(path: Path, part: 'key' | 'value'): Position;
}

/** The text's values, or why it is no YAML. */
export function readTree(text: string): { readonly tree: Tree } | { readonly problems: readonly Problem[] } {
  const json = readJson(text);
  if (json !== undefined) {
    // Without what is not there, which all of the text would have to be walked for.
    const offset = (path: Path, part: 'key' | 'value'): number => locateInJson(text, existingPart(json.value, path), part);
    return { tree: { value: json.value, locate: (path, part) => positionAt(text, offset(path, part)) } };
  }
  const quick = readQuickYaml(text);
  if (quick !== undefined) {
    return { tree: { value: quick.value, locate: (path, part) => positionAt(text, quick.offsetOf(path, part)) } };
  }
  return readYaml(text);
}

function positionAt(text: string, offset: number): Position {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  return { line: text.slice(0, lineStart).split('\n').length, column: offset - lineStart + 1 };
}

function readJson(text: string): { readonly value: unknown } | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value = JSON.parse(text) as object; // it begins with a brace
    return countKeys(value) === countWrittenKeys(text) ? { value } : undefined;
  } catch {
    // Flow-style YAML may start with a brace as well.
    return undefined;
  }
}

/** A key that is written twice in one place is there once. */
function countKeys(value: object): number {
  let keys = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const inner of Object.values(value) as unknown[]) {
    if (typeof inner === 'object' && inner !== null) keys += countKeys(inner);
  }
  return keys;
}
