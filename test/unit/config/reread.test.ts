import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countKeys, readChange } from '../../../src/config/json-change.ts';
import { countWrittenKeys } from '../../../src/config/json-locate.ts';
import { type ParseResult, parseDocument, type ReadDocument } from '../../../src/config/parse.ts';
import { sharing } from '../../../src/config/same-values.ts';

type Value = unknown;

const first = {
  version: 1,
  node: { address: '192.0.2.1', address6: '2001:db8:ffff::1', devices: [{ name: 'eth0' }] },
  plans: { small: { cps: 100, burst: 10 }, large: { cps: 1000, burst: 100, udp: true } },
  tenants: [
    {
      name: 'acme',
      plan: 'small',
      med: 5,
      announce: ['198.51.100.0/24'],
      vips: [
        { address: '203.0.113.10', protocol: 'tcp', ports: [80, '8000-8010'], pool: 'web' },
        { address: '203.0.113.10', protocol: 'udp', ports: [80], pool: 'web' },
        { address: '198.51.100.7', protocol: 'udp', pool: 'dns', med: 7, timeouts: { udpSec: 20 } },
        { address: '2001:db8::10', protocol: 'tcp', ports: [443], pool: 'web', blackhole: true },
        { address: '203.0.113.53', mode: 'local', healthCheck: { type: 'tcp', port: 53, timeoutMs: 2000 } },
      ],
    },
    { name: 'other', vips: [{ address: '203.0.113.0/28', protocol: 'tcp', ports: [80], pool: 'dns' }] },
  ],
  pools: {
    web: {
      healthCheck: { type: 'http', port: 80, path: '/up', timeoutMs: 5000 },
      onAllDown: { pool: 'dns' },
      backends: [{ address: '10.0.0.1' }, { address: '10.0.0.2', weight: 0 }, { address: '2001:db8:1::1', state: 'draining' }],
    },
    dns: {
      tableSize: 251,
      minHealthy: 9,
      backends: [{ address: '10.0.0.1' }, { address: '10.0.0.3' }, { address: '198.51.100.9' }],
    },
  },
};

/** What stands somewhere in documents, right there and wrong elsewhere. */
const words: readonly Value[] = [
  'web',
  'dns',
  'none',
  'acme',
  'small',
  'local',
  'forward',
  'udp',
  'tcp',
  'icmp',
  'tunnel',
  'draining',
  '',
  '203.0.113.10',
  '203.0.113.1',
  '203.0.113.53',
  '10.0.0.1',
  '10.0.0.9',
  '127.0.0.1',
  '2001:db8::10',
  '198.51.100.0/25',
  0,
  1,
  80,
  100,
  251,
  252,
  65537,
  8005,
  -1,
  1.5,
  true,
  null,
  [],
  {},
  { pool: 'web' },
  { address: '10.0.0.7' },
  [80],
  ['8000-9000', 80],
  { backends: [{ address: '10.0.0.8' }] },
];
const keys = ['web', 'dns', 'new', 'pool', 'med', 'blackhole', 'weight', 'ports', 'mode', '__proto__', '1', 'tenants', 'pools'];

interface Edit {
  readonly steps: readonly number[];
  readonly what: 'put' | 'drop' | 'double' | 'turn' | 'name';
  readonly word: number;
}

const anyEdit: fc.Arbitrary<Edit> = fc.record({
  steps: fc.array(fc.nat(11), { minLength: 1, maxLength: 6 }),
  what: fc.constantFrom('put', 'drop', 'double', 'turn', 'name'),
  word: fc.nat(200),
});

function isObject(value: Value): value is Record<string, Value> {
  return typeof value === 'object' && value !== null;
}

/** A new value with one place changed: the one that the steps lead to. */
function edited(value: Value, { steps: [step = 0, ...rest], what, word }: Edit): Value {
  if (!isObject(value)) return words[word % words.length];
  const entries = Object.entries(value);
  const at = entries.length === 0 ? 0 : step % entries.length;
  const [key, item] = entries[at] ?? [keys[word % keys.length] ?? '', null];
  const put = (changed: Value): Value => rebuilt(value, entries.with(at, [key, changed]));
  if (entries.length > 0 && rest.length > 0 && isObject(item)) return put(edited(item, { steps: rest, what, word }));
  if (what === 'drop') return rebuilt(value, entries.toSpliced(at, 1));
  if (what === 'turn') return rebuilt(value, entries.toReversed());
  if (what === 'double') return rebuilt(value, entries.toSpliced(at, 0, [`${key}2`, item]));
  if (what === 'name') return rebuilt(value, [...entries, [keys[word % keys.length] ?? '', item]]);
  return entries.length === 0 ? rebuilt(value, [[key, words[word % words.length]]]) : put(words[word % words.length]);
}

function rebuilt(like: Value, entries: readonly (readonly [string, Value])[]): Value {
  return Array.isArray(like) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

const places = [
  ['pools', 'web', 'backends', 1],
  ['tenants', 0, 'vips', 2, 'med'],
  ['node', 'address'],
  ['pools', 'none'],
];

function shownOf(result: ParseResult): Value {
  if (result.kind === 'bad') return result;
  const { config, warnings, lineOf } = result;
  return { config: JSON.stringify(config), same: config, warnings, lines: places.map((place) => lineOf(place)) };
}

function readOf(result: ParseResult): ReadDocument {
  if (result.kind === 'bad') throw new Error(JSON.stringify(result.problems));
  return result.read;
}

function read(value: Value, before?: ReadDocument): ReadDocument {
  return readOf(parseDocument(JSON.stringify(value), 'run', before));
}

describe('a document that is read after another one', () => {
  it('has the result, problems, warnings and places of one that is read alone', () => {
    const start = read(first);
    const kinds = new Set<string>();
    fc.assert(
      fc.property(fc.array(anyEdit, { minLength: 1, maxLength: 6 }), fc.boolean(), (edits, isIndented) => {
        let value: Value = first;
        let before = start;
        for (const edit of edits) {
          const next = edited(value, edit);
          const text = JSON.stringify(next, null, isIndented ? 1 : 0);
          const alone = parseDocument(text);
          const after = parseDocument(text, 'run', before);
          expect(shownOf(after)).toEqual(shownOf(alone));
          kinds.add(after.kind);
          if (after.kind === 'bad') continue;
          before = after.read;
          value = next;
        }
      }),
      { numRuns: 100 },
    );
    expect([...kinds].sort()).toEqual(['bad', 'ok']);
  });

  it('keeps what the other one has, too', () => {
    const before = read(first);
    const { web, dns } = first.pools;
    const changed = { ...web, backends: web.backends.with(0, { address: '10.0.0.1', weight: 50 }) };
    const after = read({ ...first, pools: { web: changed, dns } }, before);
    expect(after.config.vips).toBe(before.config.vips);
    expect(after.vips).toBe(before.vips);
    expect(after.config.pools[0]).toBe(before.config.pools[0]);
    expect(after.config.pools[1]).not.toBe(before.config.pools[1]);
    expect(after.config.pools[1]?.backends[0]?.weight).toBe(50);
    expect(after.document.tenants).toBe(before.document.tenants);
  });

  it('looks again at every VIP once a pool has another name', () => {
    const before = read(first);
    const { web, dns } = first.pools;
    const result = parseDocument(JSON.stringify({ ...first, pools: { web, names: dns } }), 'run', before);
    const problems = result.kind === 'bad' ? result.problems.map(({ path }) => path) : [];
    expect(problems).toEqual(['tenants[0].vips[2].pool', 'tenants[1].vips[0].pool', 'pools.web.onAllDown.pool']);
  });

  it('looks again at every backend once a VIP has its address', () => {
    const before = read(first);
    const [acme, other] = first.tenants;
    const vips = [{ address: '10.0.0.3', protocol: 'tcp', ports: [80], pool: 'dns' }];
    const result = parseDocument(JSON.stringify({ ...first, tenants: [acme, { ...other, vips }] }), 'run', before);
    const problems = result.kind === 'bad' ? result.problems.map(({ path }) => path) : [];
    expect(problems).toEqual(['pools.dns.backends[1].address']);
  });
});

describe('a JSON text that is mostly another one', () => {
  const anyText = fc
    .tuple(fc.jsonValue(), fc.constantFrom('', 1, '\t'))
    .map(([value, space]) => JSON.stringify({ value, list: [value, { 'a"]': value }] }, null, space));

  it('has the values that it has alone, wherever and whatever the difference', () => {
    let changes = 0;
    fc.assert(
      fc.property(
        anyText,
        fc.nat(),
        fc.nat(8),
        fc.constantFrom('', ' ', '1', '"', '"a', ',1', '{"b":1}', '[]', ',"a":1,"a":2', '}', '\\'),
        (text, from, cut, put) => {
          const at = from % text.length;
          const next = text.slice(0, at) + put + text.slice(at + cut);
          const before = { text, value: JSON.parse(text) as unknown };
          const value = readChange(next, before);
          expect(JSON.stringify(before.value)).toBe(JSON.stringify(JSON.parse(text)));
          if (value === undefined) return;
          changes++;
          expect(value).toEqual(JSON.parse(next));
          expect(countWrittenKeys(next)).toBe(countKeys(value));
        },
      ),
      { numRuns: 3000 },
    );
    expect(changes).toBeGreaterThan(100);
  });

  it('has every other value from there', () => {
    const pools = { a: [{ x: 1 }, { x: 2 }], b: [{ x: 3 }] };
    const before = { text: JSON.stringify({ tenants: [{}], pools }), value: { tenants: [{}], pools } };
    const after = readChange(before.text.replace('"x":2', '"x":  25'), before) as typeof before.value | undefined;
    expect(after).toEqual({ tenants: [{}], pools: { ...pools, a: [{ x: 1 }, { x: 25 }] } });
    expect(after?.tenants).toBe(before.value.tenants);
    expect(after?.pools.b).toBe(pools.b);
    expect(after?.pools.a[0]).toBe(pools.a[0]);
  });

  it.each([
    ['a key twice', '"x":2', '"x":2,"x":3'],
    ['a value too many', '"x":2}', '"x":2},'],
    ['another top', '{"pools"', ' {"pools"'],
  ])('is read as a whole with %s', (_, part, instead) => {
    const value = { pools: { a: [{ x: 1 }, { x: 2 }] } };
    const text = JSON.stringify(value);
    expect(text).toContain(part);
    expect(readChange(text.replace(part, instead), { text, value })).toBeUndefined();
  });
});

describe('sharing', () => {
  it('says the same as the new value, and is the old one exactly where they are equal', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(anyEdit, { maxLength: 3 }), (before, edits) => {
        const next = edits.reduce(edited, structuredClone(before) as Value);
        const text = JSON.stringify(next);
        const shared = sharing(structuredClone(next), before);
        expect(JSON.stringify(shared)).toBe(text);
        if (isObject(before)) expect(shared === before).toBe(text === JSON.stringify(before));
      }),
    );
  });

  it('finds the items behind one that was put in', () => {
    const before = [{ a: 1 }, { a: 2 }, { a: 3 }];
    const shared = sharing([{ a: 1 }, { a: 9 }, { a: 2 }, { a: 3 }], before) as readonly Value[];
    expect([shared[0], shared[2], shared[3]].map((item) => before.indexOf(item as (typeof before)[number]))).toEqual([0, 1, 2]);
  });
});
