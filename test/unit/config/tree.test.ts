import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countWrittenKeys } from '../../../src/config/json-locate.ts';
import type { Path } from '../../../src/config/problem.ts';
import { readTree } from '../../../src/config/tree.ts';

function treeOf(text: string) {
  const read = readTree(text);
  if ('problems' in read) throw new Error(JSON.stringify(read.problems));
  return read.tree;
}

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const inner = Array.isArray(value)
    ? value.flatMap((item, i) => pathsOf(item, [...path, i]))
    : Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]));
  return [path, ...inner];
}

describe('a tree read from text', () => {
  it('finds scalars at their value and collections at their key', () => {
    const tree = treeOf('a:\n  b: 1\nlist:\n  - x: 2\n  - 3\n');
    expect(tree.locate(['a'], 'value')).toEqual({ line: 1, column: 1 });
    expect(tree.locate(['a', 'b'], 'value')).toEqual({ line: 2, column: 6 });
    expect(tree.locate(['a', 'b'], 'key')).toEqual({ line: 2, column: 3 });
    expect(tree.locate(['list', 0, 'x'], 'value')).toEqual({ line: 4, column: 8 });
    expect(tree.locate(['list', 1], 'value')).toEqual({ line: 5, column: 5 });
  });

  it('finds the deepest part of a path that exists', () => {
    const yaml = treeOf('a:\n  b:\n    c: 1\n');
    expect(yaml.locate(['a', 'b', 'missing', 'more'], 'value').line).toBe(2);
    const json = treeOf('{"a":\n {"b": [1,\n 2]}}');
    expect(json.locate(['a', 'b', 7], 'value')).toEqual({ line: 2, column: 8 });
    expect(json.locate(['a', 'b', 1], 'value')).toEqual({ line: 3, column: 2 });
    expect(json.locate(['z'], 'value')).toEqual({ line: 1, column: 1 });
  });

  it('follows aliases to what they stand for', () => {
    const tree = treeOf('base: &base\n  a: 1\nuse: *base\n');
    expect(tree.value).toEqual({ base: { a: 1 }, use: { a: 1 } });
    expect(tree.locate(['use', 'a'], 'value').line).toBe(2);
  });

  it('counts the keys of any JSON, whatever its strings hold', () => {
    const texts = fc.oneof(fc.string(), fc.constantFrom('":', '\\', '\\":', '{"a":1}'));
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        texts,
        fc.array(tie('value')),
        fc.dictionary(texts, tie('value'), { noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(value, fc.nat(2), (document, indent) => {
        const keys = pathsOf(document).filter((path) => typeof path.at(-1) === 'string').length;
        expect(countWrittenKeys(JSON.stringify(document, null, indent))).toBe(keys);
      }),
      { numRuns: 500 },
    );
  });

  it('does not take JSON in which a key is written twice', () => {
    expect(readTree('{"a": {"b": 1, "c": ":", "b": 2}}')).toMatchObject({ problems: [{ line: 1, column: 26 }] });
  });

  it('finds every value of any JSON where that value starts', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { minKeys: 1, noNullPrototype: true }),
        fc.nat(4),
        (document, indent) => {
          const text = JSON.stringify(document, null, indent);
          const tree = treeOf(text);
          const lines = text.split('\n');
          for (const path of pathsOf(tree.value)) {
            const { line, column } = tree.locate(path, 'value');
            const value = path.reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], tree.value);
            const shown = JSON.stringify(value, null, indent).split('\n')[0] ?? '';
            expect(lines[line - 1]?.slice(column - 1).startsWith(shown.trimEnd())).toBe(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
