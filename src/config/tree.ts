// Text to plain values, and back from a path to its line and column.
//
// JSON goes through JSON.parse and YAML as documents are written through a quick library, each many times faster than the
// careful one, which has the last word: a large document must be in force within a second. JSON.parse keeps the last of two
// equal keys without a word, so such text is left to YAML, which refuses it. Pure.

import { countKeys, type JsonText, readChange } from './json-change.ts';
import { countWrittenKeys, locateInJson } from './json-locate.ts';
import { existingPart, type Path, type Position, type Problem } from './problem.ts';
import { readQuickYaml } from './quick-yaml.ts';
import { readYaml } from './yaml-tree.ts';

export interface Tree {
  readonly value: unknown;
  readonly isJson: boolean;
  /** Where `path` is, or the deepest part of it that exists. `key`: the key rather than its value. */
  locate(path: Path, part: 'key' | 'value'): Position;
}

/** The text's values, or why it is no YAML. `before`: the one that it mostly repeats. */
export function readTree(text: string, before?: JsonText): { readonly tree: Tree } | { readonly problems: readonly Problem[] } {
  const nul = text.indexOf('\0');
  if (nul >= 0) {
    const got = 'a NUL, as in UTF-16 or a file that is no text';
    return { problems: [{ path: '', expected: 'text in UTF-8', got, ...positionAt(text, nul) }] };
  }
  const json = readJson(text, before);
  if (json !== undefined) {
    // Without what is not there, which all of the text would have to be walked for.
    const offset = (path: Path, part: 'key' | 'value'): number => locateInJson(text, existingPart(json.value, path), part);
    return { tree: { value: json.value, isJson: true, locate: (path, part) => positionAt(text, offset(path, part)) } };
  }
  const quick = readQuickYaml(text);
  if (quick !== undefined) {
    return { tree: { value: quick.value, isJson: false, locate: (path, part) => positionAt(text, quick.offsetOf(path, part)) } };
  }
  return readYaml(text);
}

function positionAt(text: string, offset: number): Position {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  return { line: text.slice(0, lineStart).split('\n').length, column: offset - lineStart + 1 };
}

function readJson(text: string, before: JsonText | undefined): { readonly value: unknown } | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  const changed = before === undefined ? undefined : readChange(text, before);
  if (changed !== undefined) return { value: changed };
  try {
    const value = JSON.parse(text) as object; // it begins with a brace
    return countKeys(value) === countWrittenKeys(text) ? { value } : undefined;
  } catch {
    // Flow-style YAML may start with a brace as well.
    return undefined;
  }
}
