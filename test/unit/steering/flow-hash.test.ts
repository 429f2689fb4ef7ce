import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { addressBytes } from '../../../src/model/address.ts';
import {
  addressKey,
  expandFlowKey,
  type FlowKey,
  flowHash,
  hashDestination,
  portKey,
  slotHash,
  type Tuple,
} from '../../../src/steering/flow-hash.ts';
import { askNative, buildNative } from '../../support/native-build.ts';

const page = readFileSync(new URL('../../../docs/flow-hash.md', import.meta.url), 'utf8');
const hex = (value: bigint | number, digits: number): string => value.toString(16).padStart(digits, '0');

/** A row of the page's tables of vectors, cell by cell. */
const rows = (heading: string): string[][] =>
  (page.split(`### ${heading}\n`)[1] ?? '')
    .split('\n#')[0]
    ?.split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => [...line.matchAll(/`([^`]+)`/g)].map((cell) => cell[1] ?? '')) ?? [];

const keys = new Map(rows('Keys').map(([name = '', secret = '', ...parts]) => [name, { secret, parts }]));

const keyOf = (name: string): FlowKey => expandFlowKey(keys.get(name)?.secret ?? '');

const tupleOf = ([
  source = '',
  sourcePort = '',
  destination = '',
  destinationPort = '',
  protocol = '',
]: readonly string[]): Tuple => ({
  source: addressBytes(source),
  destination: addressBytes(destination),
  sourcePort: Number(sourcePort),
  destinationPort: Number(destinationPort),
  protocol: Number(protocol),
});

/** What the vectors program prints for a hash, by TypeScript. */
const hashText = (key: FlowKey, tuple: Tuple): string => {
  const { fp, buckets } = flowHash(key, tuple);
  const destination = hashDestination(tuple.destination, portKey(tuple.protocol, tuple.destinationPort));
  return [hex(fp, 16), hex(buckets[0], 8), hex(buckets[1], 8), hex(slotHash(key, fp), 8), hex(destination, 8)].join(' ');
};

const hashQuestion = (key: FlowKey, tuple: Tuple): string => {
  const bytes = Buffer.alloc(96);
  key.nh.forEach((word, i) => bytes.writeUInt32LE(word, i * 4));
  [key.m0, key.m1, key.m2, key.m3, key.v4a, key.v4b].forEach((word, i) => bytes.writeBigUInt64LE(word, 48 + i * 8));
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(tuple.sourcePort);
  ports.writeUInt16BE(tuple.destinationPort, 2);
  const parts = [bytes, Buffer.from(tuple.source), Buffer.from(tuple.destination), ports].map((part) => part.toString('hex'));
  return ['hash', ...parts, tuple.protocol].join(' ');
};

const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
const v4 = fc.ipV4().map(addressBytes);
const secret = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const tuple: fc.Arbitrary<Tuple> = fc.record({
  source: fc.oneof(v4, v6),
  destination: fc.oneof(v4, v6),
  sourcePort: fc.nat(65535),
  destinationPort: fc.nat(65535),
  protocol: fc.nat(255),
});

describe('the flow hash', () => {
  beforeAll(() => buildNative('test-programs'));

  it('expands the keys of its page', () => {
    expect(keys.size).toBe(2);
    for (const [name, { parts }] of keys) {
      const key = keyOf(name);
      const words = key.nh.map((word) => hex(word, 8)).join(' ');
      expect([words, ...[key.m0, key.m1, key.m2, key.m3, key.v4a, key.v4b].map((word) => hex(word, 16))]).toEqual(parts);
    }
  });

  it('gives the vectors of its page, in TypeScript and in C', () => {
    const vectors = rows('Tuples').map(([name = '', ...cells]) => ({
      key: keyOf(name),
      tuple: tupleOf(cells),
      out: cells.slice(5).join(' '),
    }));
    expect(vectors).toHaveLength(10);
    expect(vectors.map((each) => hashText(each.key, each.tuple))).toEqual(vectors.map(({ out }) => out));
    expect(askNative(vectors.map((each) => hashQuestion(each.key, each.tuple)))).toEqual(vectors.map(({ out }) => out));
  });

  it('gives the address vectors of its page', () => {
    const vectors = rows('Addresses');
    expect(vectors).toHaveLength(3);
    for (const [address = '', length, out] of vectors) {
      expect(hex(hashDestination(addressBytes(address), addressKey(Number(length))), 8)).toBe(out);
    }
  });

  it('is the same in C for every key and tuple', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(secret, tuple), { minLength: 20, maxLength: 20 }), (cases) => {
        const each = cases.map(([text, tuple]) => ({ key: expandFlowKey(text), tuple }));
        expect(askNative(each.map(({ key, tuple }) => hashQuestion(key, tuple)))).toEqual(
          each.map(({ key, tuple }) => hashText(key, tuple)),
        );
      }),
      { numRuns: 20 },
    );
  });

  it('tells apart tuples that differ in one bit, in every output', () => {
    const key = keyOf('counting');
    const base: Tuple = {
      source: addressBytes('198.51.100.7'),
      destination: addressBytes('203.0.113.10'),
      sourcePort: 40000,
      destinationPort: 80,
      protocol: 6,
    };
    const seen = new Map<string, number>();
    const note = (each: Tuple): void => {
      const { fp, buckets } = flowHash(key, each);
      for (const [output, value] of [fp, ...buckets, slotHash(key, fp)].entries()) {
        const name = `${output} ${value}`;
        seen.set(name, (seen.get(name) ?? 0) + 1);
      }
    };
    note(base);
    for (let bit = 0; bit < 128; bit++) {
      const flipped = base.source.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      note({ ...base, source: flipped });
    }
    for (let bit = 0; bit < 16; bit++) note({ ...base, sourcePort: base.sourcePort ^ (1 << bit) });
    expect([...seen.values()].every((times) => times === 1)).toBe(true);
  });

  it('spreads slots and buckets evenly over consecutive ports', () => {
    const key = keyOf('counting');
    const slots = new Uint32Array(16);
    const buckets = new Uint32Array(16);
    for (let sourcePort = 0; sourcePort < 4096; sourcePort++) {
      const source = addressBytes('10.0.0.1');
      const { fp, buckets: both } = flowHash(key, { source, destination: source, sourcePort, destinationPort: 80, protocol: 6 });
      const slot = slotHash(key, fp) % 16;
      slots[slot] = (slots[slot] ?? 0) + 1;
      buckets[both[0] & 15] = (buckets[both[0] & 15] ?? 0) + 1;
    }
    // 256 expected; five standard deviations are 77.
    expect(Math.max(...slots, ...buckets)).toBeLessThan(256 + 77);
    expect(Math.min(...slots, ...buckets)).toBeGreaterThan(256 - 77);
  });

  it('refuses a secret of another shape', () => {
    expect(() => expandFlowKey('00')).toThrow('64 hexadecimal digits');
  });
});
