// All of YAML, by the `yaml` package: text to plain values, and back from a path to its line and column.
//
// The package takes as long to load as the rest of a start's configuration together, so the first text that needs it loads it;
// neither JSON nor YAML as documents are written does (tree.ts). Pure.

import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import { messageOf } from '../errors.ts';
import { type Path, type Position, type Problem, pathText } from './problem.ts';
import type { Tree } from './tree.ts';

const mostErrors = 10;

let loaded: typeof Yaml | undefined;

function loadYaml(): typeof Yaml {
  loaded ??= createRequire(import.meta.url)('yaml') as typeof Yaml;
  return loaded;
}

/** The text's values, or why it is no YAML. */
export function readYaml(text: string): { readonly tree: Tree } | { readonly problems: readonly Problem[] } {
  const { LineCounter, parseDocument } = loadYaml();
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  // One slip makes many errors, of which the first ones say what it is.
  const problems = document.errors.slice(0, mostErrors).map(({ code, message, pos }) => {
    const here = position(openingQuote(document, message, pos[0]) ?? pos[0]);
    if (code === 'MULTIPLE_DOCS') return { path: '', expected: 'one document', got: 'another one behind "---"', ...here };
    const path = code === 'DUPLICATE_KEY' ? pathTo(document.contents, pos[0]) : undefined;
    if (path !== undefined) return { path: pathText(path), expected: 'each key once', got: 'it a second time', ...here };
    return syntaxProblem(message, here);
  });
  if (problems.length > 0) return { problems };
  if (document.contents === null) {
    return { problems: [{ path: '', expected: 'a document', got: 'an empty text', line: 1, column: 1 }] };
  }
  try {
    return { tree: { value: document.toJS(), isJson: false, locate: (path, part) => position(offsetOf(document, path, part)) } };
  } catch (error) {
    return { problems: [syntaxProblem(messageOf(error), position(unknownAlias(document) ?? 0))] };
  }
}

function syntaxProblem(message: string, position: Position): Problem {
  // The package reads what stands inside of something by calling itself.
  const words = message.startsWith('Maximum call stack') ? 'lists and mappings within each other without end' : message;
  return { path: '', expected: 'YAML', got: `an error: ${words.replace(/\s+/g, ' ').trim()}`, ...position };
}

/** The path of the key that starts at `offset`. */
function pathTo(node: unknown, offset: number): Path | undefined {
  const { isCollection, isMap, isScalar } = loadYaml();
  if (!isCollection(node) || !contains(node, offset)) return undefined;
  const children = isMap(node)
    ? node.items.map(({ key, value }) => ({ segment: isScalar(key) ? String(key.value) : '?', key: key as Yaml.Node, value }))
    : node.items.map((value, segment) => ({ segment, key: null, value }));
  for (const { segment, key, value } of children) {
    if (startOf(key) === offset) return [segment];
    const within = pathTo(value, offset);
    if (within !== undefined) return [segment, ...within];
  }
  return undefined;
}

function contains({ range }: Yaml.Node, offset: number): boolean {
  return range !== undefined && range !== null && range[0] <= offset && offset <= range[2];
}

/** Of text that nothing closes, which the error is said to be at the end of: that may be the document's. */
function openingQuote(document: Yaml.Document, message: string, end: number): number | undefined {
  if (!/closing .quote/.test(message)) return undefined;
  let start: number | undefined;
  loadYaml().visit(document, {
    Scalar: (_, { range }) => {
      if (range?.[1] === end) start = range[0];
    },
  });
  return start;
}

/** The first that stands for nothing. */
function unknownAlias(document: Yaml.Document): number | undefined {
  const { visit } = loadYaml();
  const anchors = new Set<string | undefined>();
  let start: number | undefined;
  visit(document, {
    Value: (_, { anchor }) => void anchors.add(anchor),
    Alias: (_, alias) => {
      if (anchors.has(alias.source)) return undefined;
      start = startOf(alias);
      return visit.BREAK;
    },
  });
  return start;
}

function offsetOf(document: Yaml.Document, path: Path, part: 'key' | 'value'): number {
  const { isMap, isScalar, isSeq } = loadYaml();
  let node = resolved(document, document.contents);
  let offset = startOf(node) ?? 0;
  for (const [depth, segment] of path.entries()) {
    const isLast = depth === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment));
      if (pair === undefined) return offset;
      const value = pair.value as Yaml.Node | null;
      // A block collection starts on the line after its key; people look for the key.
      const useKey = (isLast && part === 'key') || !isScalar(value);
      offset = startOf(useKey ? (pair.key as Yaml.Node) : value) ?? offset;
      node = resolved(document, value);
    } else if (isSeq(node)) {
      const item = node.items[Number(segment)] as Yaml.Node | undefined;
      if (item === undefined) return offset;
      offset = startOf(item) ?? offset;
      node = resolved(document, item);
    } else return offset;
  }
  return offset;
}

function resolved(document: Yaml.Document, node: Yaml.Node | null): Yaml.Node | null {
  return loadYaml().isAlias(node) ? (node.resolve(document) ?? null) : node;
}

function startOf(node: Yaml.Node | null): number | undefined {
  return node?.range?.[0];
}
