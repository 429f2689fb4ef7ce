// The plain reader against the whole one, which is the judge: wherever the plain one answers, values and places are the same.

import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMap, isScalar, isSeq, type Node, parseDocument, stringify } from 'yaml';
import { readPlainYaml } from '../../../src/config/plain-yaml.ts';

type Places = readonly (readonly [path: string, key: number | undefined, value: number | undefined])[];

/** Every value and where it and its key stand, by the whole reader; undefined where it finds an error. */
function judged(text: string): { readonly value: unknown; readonly places: Places } | undefined {
  const document = parseDocument(text, { version: '1.2', prettyErrors: false });
  if (document.errors.length > 0) return undefined;
  const places: [string, number | undefined, number | undefined][] = [];
  const visit = (node: unknown, path: readonly (string | number)[]): void => {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const here = [...path, isScalar(key) ? String(key.value) : '?'];
        const at = (value as Node).range?.[0];
        const keyAt = (key as Node).range?.[0];
        places.push([JSON.stringify(here), keyAt, isScalar(value) ? at : keyAt]);
        visit(value, here);
      }
    } else if (isSeq(node)) {
      for (const [i, item] of node.items.entries()) {
        const at = (item as Node).range?.[0];
        places.push([JSON.stringify([...path, i]), at, at]);
        visit(item, [...path, i]);
      }
    }
  };
  visit(document.contents, []);
  return { value: document.toJS(), places };
}

/** True when the plain reader answered; throws where it answers otherwise than the judge. */
function agrees(text: string): boolean {
  const plain = readPlainYaml(text);
  if (plain === undefined) return false;
  const whole = judged(text);
  expect(plain.value).toEqual(whole?.value);
  for (const [path, key, value] of whole?.places ?? []) {
    const segments = JSON.parse(path) as (string | number)[];
    expect([path, plain.offsetOf(segments, 'key'), plain.offsetOf(segments, 'value')]).toEqual([path, key, value]);
  }
  return true;
}

const scalars = fc.oneof(
  fc.constantFrom('tcp', '203.0.113.10', '2001:db8::10', '10.0.0.0/8', '8000-8100', '65000:100', '/run/x', '~', 'null', 'True'),
  fc.constantFrom('1.5', '1e3', '0x1f', '010', '-1', '.5', '1_000', 'a: b', 'a #b', 'a#b', '- a', '[', '"', "it's", '', ' x '),
  fc.string({ maxLength: 6 }),
  fc.integer(),
  fc.boolean(),
  fc.double(),
  fc.constant(null),
);
const keys = fc.oneof(
  fc.constantFrom('name', 'ports', 'pool-1', 'a.b', 'null', '__proto__', '1', 'true'),
  fc.string({ maxLength: 4 }),
);
const tameScalars = fc.constantFrom(
  'tcp',
  '203.0.113.10',
  '2001:db8::10',
  '8000-8100',
  '65000:100',
  '/run/x',
  'a b',
  80,
  0,
  true,
);
const tameKeys = fc.constantFrom('name', 'ports', 'pool-1', 'a.b', 'b_c');

/** Mappings of scalars, of lists and of each other; no list directly in a list, as no document has one. */
const { mapping: tame } = fc.letrec<{ mapping: object }>((tie) => {
  const items = fc.array(fc.oneof({ maxDepth: 4 }, tameScalars, tie('mapping')), { maxLength: 4 });
  const values = fc.oneof({ maxDepth: 4 }, tameScalars, items, tie('mapping'));
  return { mapping: fc.dictionary(tameKeys, values, { minKeys: 1, noNullPrototype: true }) };
});
const { value: wild } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    scalars,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
  ),
}));
const styles = fc.record({
  indent: fc.constantFrom(2, 3, 4),
  indentSeq: fc.boolean(),
  collectionStyle: fc.constantFrom('any' as const, 'block' as const, 'flow' as const),
  lineWidth: fc.constantFrom(0, 80),
});

const base = `# what people write
version: 1
node:
  address: 10.0.1.11   # outer source
  devices:
    - { name: eth0, engine: af_packet }
  bgp: {localAs: 65010, peers: [{ address: 10.0.1.1, as: 65000 }]}

tenants:
- name: acme
  vips:
  - address: 2001:db8::10
    protocol: tcp
    ports: [80, "8000-8100", 443 ,] # it's any
    entropy: true
  -
    address: 203.0.113.10
    ports:
    - 53
    - 'any'
pools:
    web:
        backends: []
        onAllDown: { pool: other }
    other: {}
`;

describe('plain YAML', () => {
  it('is what people and programs write', () => {
    expect(agrees(base)).toBe(true);
    const directory = new URL('../../../deploy/examples/', import.meta.url);
    const examples = readdirSync(directory).filter((name) => /\.ya?ml$/.test(name));
    expect(examples.length).toBeGreaterThan(0);
    for (const name of examples) expect([name, agrees(readFileSync(new URL(name, directory), 'utf8'))]).toEqual([name, true]);
    const written = { list: [{ a: 1, b: ['x', 'y'] }, { c: { d: true } }], map: { e: '203.0.113.10' } };
    expect(agrees(stringify(written))).toBe(true);
  });

  it('has no duplicate key, no escape, no tab, no empty value, nothing over several lines: those are left to the whole reader', () => {
    const others = [
      'a: 1\na: 2\n',
      'a: { b: 1, b: 2 }\n',
      'a: "\\x41"\n',
      'a:\t1\n',
      'a: 1\r\nb: 2\r\n',
      'a:\nb: 1\n',
      'a: b\n  c\n',
      'a: |\n  text\n',
      'a: &x 1\nb: *x\n',
      'a: !!str 1\n',
      'a: [1,\n 2]\n',
      '---\na: 1\n',
      'a: 1\n...\n',
      'a: 1.5\n',
      'a: 0x10\n',
      'a: null\n',
      'a: b: c\n',
      'a: 1\n b: 2\n',
      ' a: 1\nb: 2\n',
      '- - a\n',
      '__proto__: 1\n',
      'constructor: 1\n',
      'just text\n',
      '',
      `${'[ '.repeat(5000)}\n`,
    ];
    for (const text of others) expect([text, readPlainYaml(text)]).toEqual([text, undefined]);
  });

  it('means what YAML says it means', () => {
    fc.assert(
      fc.property(tame, styles, (document, { indent, indentSeq }) => {
        expect(agrees(stringify(document, { indent, indentSeq }))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('means it whatever the scalars, the keys and the style are', () => {
    fc.assert(
      fc.property(fc.oneof(tame, wild), styles, (document, style) => {
        agrees(stringify(document, style));
      }),
      { numRuns: 300 },
    );
  });

  it('means it however the text is mangled', () => {
    const pieces = fc.oneof(
      fc.constantFrom('\n', ' ', '  ', '- ', ': ', ':', '#', ' #', ',', '[', ']', '{', '}', '"', "'", '-', '0', 'e', '.', '\n- '),
      fc.string({ maxLength: 2 }),
    );
    const edits = fc.array(fc.record({ at: fc.nat(base.length), cut: fc.nat(6), piece: pieces }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(edits, (all) => {
        agrees(all.reduce((text, { at, cut, piece }) => text.slice(0, at) + piece + text.slice(at + cut), base));
      }),
      { numRuns: 2000 },
    );
  });
});
