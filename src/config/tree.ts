// Text to plain values, and back from a path to its line and column.
//
// JSON goes through JSON.parse and plain YAML through a reader of its own, each many times faster than all of YAML: a large
// document must be in force within a second. JSON.parse keeps the last of two equal keys without a word, so such text is
// left to YAML, which refuses it. Pure.

import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Document as YamlDocument } from 'yaml';
import { messageOf } from '../errors.ts';
import { countWrittenKeys, locateInJson } from './json-locate.ts';
import { readPlainYaml } from './plain-yaml.ts';
import type { Path, Position, Problem } from './problem.ts';

export interface Tree {
  readonly value: unknown;
  /** Where `path` is, or the deepest part of it that exists. `key`: the key rather than its value. */
  locate(path: Path, part: 'key' | 'value'): Position;
}

/** The text's values, or why it is no YAML. */
export function readTree(text: string): { readonly tree: Tree } | { readonly problems: readonly Problem[] } {
  const json = readJson(text);
  if (json !== undefined) {
    return { tree: { value: json.value, locate: (path, part) => positionAt(text, locateInJson(text, path, part)) } };
  }
  const plain = readPlainYaml(text);
  if (plain !== undefined) {
    return { tree: { value: plain.value, locate: (path, part) => positionAt(text, plain.offsetOf(path, part)) } };
  }
  const yaml = readYaml(text);
  if (yaml.problems.length > 0) return { problems: yaml.problems };
  try {
    return { tree: { value: yaml.document.toJS(), locate: yaml.locate } };
  } catch (error) {
    return { problems: [syntaxProblem(messageOf(error), { line: 1, column: 1 })] };
  }
}

interface YamlTree {
  readonly document: YamlDocument;
  readonly problems: readonly Problem[];
  readonly locate: Tree['locate'];
}

function readYaml(text: string): YamlTree {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems = document.errors.map((error) => syntaxProblem(error.message, position(error.pos[0])));
  return { document, problems, locate: (path, part) => position(offsetOf(document, path, part)) };
}

function positionAt(text: string, offset: number): Position {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  return { line: text.slice(0, lineStart).split('\n').length, column: offset - lineStart + 1 };
}

function syntaxProblem(message: string, position: Position): Problem {
  return { path: '', expected: 'YAML', got: `an error: ${message.replace(/\s+/g, ' ').trim()}`, ...position };
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

function offsetOf(document: YamlDocument, path: Path, part: 'key' | 'value'): number {
  let node = resolved(document, document.contents);
  let offset = startOf(node) ?? 0;
  for (const [depth, segment] of path.entries()) {
    const isLast = depth === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment));
      if (pair === undefined) return offset;
      const value = pair.value as Node | null;
      // A block collection starts on the line after its key; people look for the key.
      const useKey = (isLast && part === 'key') || !isScalar(value);
      offset = startOf(useKey ? (pair.key as Node) : value) ?? offset;
      node = resolved(document, value);
    } else if (isSeq(node)) {
      const item = node.items[Number(segment)] as Node | undefined;
      if (item === undefined) return offset;
      offset = startOf(item) ?? offset;
      node = resolved(document, item);
    } else return offset;
  }
  return offset;
}

function resolved(document: YamlDocument, node: Node | null): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node;
}

function startOf(node: Node | null): number | undefined {
  return node?.range?.[0];
}
