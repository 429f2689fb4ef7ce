// The two YAML libraries against each other: wherever the quick reader answers, its values and places are those of `yaml`.

import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMap, isScalar, isSeq, type Node, parseDocument, stringify } from 'yaml';
import type { Path } from '../../../src/config/problem.ts';
import { readQuickYaml } from '../../../src/config/quick-yaml.ts';

type Places = readonly (readonly [path: Path, key: number | undefined, value: number | undefined])[];

/** Every value and where it and its key stand, by `yaml`; undefined where it finds an error. */
function judged(text: string): { readonly value: unknown; readonly places: Places } | undefined {
  const document = parseDocument(text, { version: '1.2', prettyErrors: false });
  if (document.errors.length > 0) return undefined;
  const places: [Path, number | undefined, number | undefined][] = [];
  const visit = (node: unknown, path: Path): void => {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const here = [...path, isScalar(key) ? String(key.value) : '?'];
        const at = (value as Node).range?.[0];
        const keyAt = (key as Node).range?.[0];
        places.push([here, keyAt, isScalar(value) ? at : keyAt]);
        visit(value, here);
      }
    } else if (isSeq(node)) {
      for (const [i, item] of node.items.entries()) {
        const at = (item as Node).range?.[0];
        places.push([[...path, i], at, at]);
        visit(item, [...path, i]);
      }
    }
  };
  visit(document.contents, []);
  return { value: document.toJS(), places };
}

/** True when the quick reader answered; throws where it answers otherwise than `yaml`. */
function agrees(text: string): boolean {
  const quick = readQuickYaml(text);
  if (quick === undefined) return false;
  const whole = judged(text);
  expect({ text, value: quick.value }).toEqual({ text, value: whole?.value });
  const places = whole?.places.map(([path]) => [path, quick.offsetOf(path, 'key'), quick.offsetOf(path, 'value')]);
  expect(places).toEqual(whole?.places);
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

/** What people write that YAML 1.1, JSON or a glance would read otherwise. */
const oddities: readonly (readonly [text: string, value: unknown])[] = [
  ['a: 1_000', { a: '1_000' }],
  ['a: 0x1F', { a: 31 }],
  ['a: 0o17', { a: 15 }],
  ['a: 010', { a: 10 }],
  ['a: 0b11', { a: '0b11' }],
  ['a: +12', { a: 12 }],
  ['a: -0x1F', { a: '-0x1F' }],
  ['a: .5', { a: 0.5 }],
  ['a: 5.', { a: 5 }],
  ['a: 1e3', { a: 1000 }],
  ['a: -.Inf', { a: Number.NEGATIVE_INFINITY }],
  ['a: .nan', { a: Number.NaN }],
  ['a: 9007199254740993', { a: 9007199254740992 }],
  ['a: 123456789012345678901234567890', { a: 1.2345678901234568e29 }],
  ['a: 1:30', { a: '1:30' }],
  ['a: 65000:100', { a: '65000:100' }],
  ['a: 2020-01-01', { a: '2020-01-01' }],
  ['a: 10.0.1.11', { a: '10.0.1.11' }],
  ['a: 2001:db8::10', { a: '2001:db8::10' }],
  ['a: ::1', { a: '::1' }],
  ['a: [::1, fe80::1]', { a: ['::1', 'fe80::1'] }],
  ['a: yes\nb: Off\nc: TRUE', { a: 'yes', b: 'Off', c: true }],
  ['a: tRue\nb: nUll', { a: 'tRue', b: 'nUll' }],
  ['a: \'80\'\nb: "true"', { a: '80', b: 'true' }],
  ['"a": {"b":1, c: 2}', { a: { b: 1, c: 2 } }],
  ['a: b c\n  d', { a: 'b c d' }],
  ['a: b#c # d', { a: 'b#c' }],
  ["a: 1 # it's\tthat — \u201cnot\u201d & *all* !", { a: 1 }],
  ['---\na: 1\n', { a: 1 }],
  ['<<: { a: 1 }', { '<<': { a: 1 } }],
  ['constructor: 1\ntoString: 2', { constructor: 1, toString: 2 }],
  ['- - a\n  - b\n- c', [['a', 'b'], 'c']],
  ['just text', 'just text'],
];

describe('YAML as documents are written', () => {
  it('is what people and programs write', () => {
    expect(agrees(base)).toBe(true);
    const directory = new URL('../../../deploy/examples/', import.meta.url);
    const examples = readdirSync(directory).filter((name) => /\.ya?ml$/.test(name));
    expect(examples.length).toBeGreaterThan(0);
    for (const name of examples) expect([name, agrees(readFileSync(new URL(name, directory), 'utf8'))]).toEqual([name, true]);
    const written = { list: [{ a: 1, b: ['x', 'y'] }, { c: { d: true } }], map: { e: '203.0.113.10' } };
    expect(agrees(stringify(written))).toBe(true);
  });

  it('means by either library what YAML 1.2 says', () => {
    for (const [text, value] of oddities) {
      expect([text, readQuickYaml(text)?.value]).toEqual([text, value]);
      agrees(text);
    }
  });

  it('makes a key of its own of __proto__', () => {
    const value = readQuickYaml('__proto__: { a: 1 }\n')?.value as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('leaves to `yaml` all that the two were ever seen to read differently', () => {
    const others = [
      'a: 1\na: 2\n',
      'a: { b: 1, b: 2 }\n',
      'a: 1\n"a": 2\n',
      'a: "\\x41"\n',
      "a: 'it''s'\n",
      'a:\t1\n',
      '\ta: 1\n',
      'a: 1\r\nb: 2\r\n',
      'a: 1\rb: 2\n',
      '\ufeffa: 1\n',
      'a: 1\u0085b: 2\n',
      'a:\nb: 1\n',
      'a: ~\n',
      '- null\n',
      '-\n',
      'a: |\n  text\n',
      'a: >\n  text\n',
      'a: &x 1\nb: 2\n',
      'a: [*x]\n',
      'a: { <<: *x }\n',
      'a: !!str 1\n',
      'a: {"b":!x 1}\n',
      '? a\n: 1\n',
      ': a\n',
      '1: a\n',
      'null: a\n',
      '[a]: 1\n',
      '%YAML 1.2\n---\na: 1\n',
      'a: 1\n---\nb: 1\n',
      'a: 1\n...\n',
      '...\na: 1\n',
      ' ---\n',
      "a:\n  - 'any'b: 1\n",
      'a:\n  - ""b: 1\n',
      'a: "b\n  c"\n',
      'a: 1e400\n',
      `a: 1${'0'.repeat(400)}\n`,
      'a: b: c\n',
      'a: 1\n b: 2\n',
      ' a: 1\nb: 2\n',
      'a: b\nc\n',
      'a: [1, 2\n',
      'a: @b\n',
      '---\n',
      '# nothing\n',
      '',
      `${'[ '.repeat(5000)}\n`,
    ];
    for (const text of others) expect([text, readQuickYaml(text)]).toEqual([text, undefined]);
  });

  it('means what `yaml` says it means', () => {
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
      fc.constantFrom(
        '\t',
        '\r',
        '\n\n',
        '\n  ',
        '&a ',
        '*a',
        '!',
        '? ',
        '?',
        '|',
        '>',
        '---',
        '\n---\n',
        '...',
        '%',
        '<<: ',
        '~',
        '\\',
      ),
      fc.string({ maxLength: 2, unit: 'binary' }),
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
