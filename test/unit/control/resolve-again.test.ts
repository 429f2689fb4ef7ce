// resolve() with an earlier result at hand: the same outcome, and the same objects wherever nothing has changed.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDocument, type ReadDocument } from '../../../src/config/parse.ts';
import { askedOf } from '../../../src/control/asked.ts';
import { type Resolved, type ResolveInput, resolve } from '../../../src/control/desired.ts';
import type { Observed } from '../../../src/control/desired-pool.ts';
import { noOverrides, type Override, type Overrides, overrideKey } from '../../../src/control/overrides.ts';
import { backendAddressesOf, healthTargetsOf } from '../../../src/control/store.ts';
import type { Health } from '../../../src/model/backend.ts';
import { observedOf } from './world.ts';

const check = { type: 'tcp', port: 80 };
const pools = {
  web: { healthCheck: check, onAllDown: { pool: 'spare' }, backends: [{ address: '10.0.0.1' }, { address: '10.0.0.2' }] },
  spare: { healthCheck: check, onAllDown: 'failOpen', backends: [{ address: '10.0.0.3' }] },
  dns: { minHealthy: 2, backends: [{ address: '10.0.0.1' }, { address: '2001:db8::1' }] },
};
const vips = [
  { address: '203.0.113.1', protocol: 'tcp', ports: [80, 443], pool: 'web' },
  { address: '203.0.113.2', protocol: 'udp', pool: 'dns' },
  { address: '198.51.100.9', protocol: 'tcp', ports: [80], pool: 'spare' },
  { address: '203.0.113.53', mode: 'local' },
];
const more = { address: '2001:db8:f::2', protocol: 'tcp', ports: [80], pool: 'web' };

function textOf({ weight = 100, withMore = false, first = 'web' }): string {
  const [front, ...others] = vips;
  const [backend, ...backends] = pools.web.backends;
  return JSON.stringify({
    version: 1,
    node: { address: '192.0.2.1', address6: '2001:db8:e::1', devices: [{ name: 'eth0' }] },
    tenants: [
      { name: 'a', announce: ['198.51.100.0/24'], vips: [{ ...front, pool: first }, ...others, ...(withMore ? [more] : [])] },
    ],
    pools: { ...pools, web: { ...pools.web, backends: [{ ...backend, weight }, ...backends] } },
  });
}

function read(text: string, before?: ReadDocument): ReadDocument {
  const result = parseDocument(text, 'run', before);
  if (result.kind === 'bad') throw new Error(JSON.stringify(result.problems));
  return result.read;
}

const words: readonly (readonly [Override['kind'], string, Override['value']])[] = [
  ['state', 'web/10.0.0.1', 'draining'],
  ['state', 'spare/10.0.0.3', 'disabled'],
  ['weight', 'dns/2001:db8::1', 0],
  ['hold', '203.0.113.1:80/tcp', true],
  ['maintenance', 'node', true],
];

function withWord(overrides: Overrides, which: number): Overrides {
  const [kind, target, value] = words[which] ?? ['state', 'gone/10.0.0.1', 'draining'];
  const next = new Map(overrides);
  const key = overrideKey(kind, target);
  if (!next.delete(key)) next.set(key, { kind, target, value, by: 'alice', why: null, atMs: 0, untilMs: null });
  return next;
}

type Step =
  | { readonly kind: 'document'; readonly weight: number; readonly withMore: boolean; readonly first: string }
  | { readonly kind: 'word'; readonly which: number }
  | { readonly kind: 'health'; readonly address: string; readonly health: Health }
  | { readonly kind: 'set'; readonly which: 'leaving' | 'warming' | 'announced'; readonly name: string };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('document' as const),
    weight: fc.constantFrom(0, 100, 101),
    withMore: fc.boolean(),
    first: fc.constantFrom('web', 'dns'),
  }),
  fc.record({ kind: fc.constant('word' as const), which: fc.nat(words.length) }),
  fc.record({
    kind: fc.constant('health' as const),
    address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'),
    health: fc.constantFrom('up', 'down', 'unknown'),
  }),
  fc.record({
    kind: fc.constant('set' as const),
    which: fc.constantFrom('leaving', 'warming', 'announced'),
    name: fc.constantFrom('203.0.113.1:80/tcp', 'web', 'spare', '198.51.100.0/24', '203.0.113.1/32'),
  }),
);

interface World {
  readonly document: ReadDocument;
  readonly input: ResolveInput;
  readonly before: Resolved | null;
}

function inputOf({ config }: ReadDocument, observed: Observed = observedOf(config)): ResolveInput {
  return {
    revision: 1,
    config,
    clusterSecret: '5a'.repeat(32),
    overrides: noOverrides,
    observed,
    leaving: new Set(),
    warming: new Set(),
    draining: new Set(),
    announced: new Set(),
  };
}

function toggled(names: ReadonlySet<string>, name: string): ReadonlySet<string> {
  return names.has(name) ? new Set([...names].filter((each) => each !== name)) : new Set([...names, name]);
}

function after(document: ReadDocument, input: ResolveInput, each: Step): readonly [ReadDocument, ResolveInput] {
  switch (each.kind) {
    case 'document': {
      const next = read(textOf(each), document);
      return [next, { ...input, config: next.config }];
    }
    case 'word':
      return [document, { ...input, overrides: withWord(input.overrides, each.which) }];
    case 'health': {
      const reason = each.health === 'up' ? null : 'refused';
      const { health } = observedOf(document.config, { [each.address]: { health: each.health, reason } });
      return [document, { ...input, observed: { ...input.observed, health } }];
    }
    case 'set':
      return [document, { ...input, [each.which]: toggled(input[each.which], each.name) }];
  }
}

describe('what is resolved again', () => {
  it('is what it would be the first time', () => {
    const start = read(textOf({}));
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        let world: World = { document: start, input: inputOf(start), before: null };
        for (const each of steps) {
          const [document, input] = after(world.document, world.input, each);
          const desired = resolve({ ...input, before: world.before });
          expect(desired).toEqual(resolve(input));
          const { config, overrides, observed } = input;
          world = { document, input, before: { config, overrides, observed, desired } };
        }
      }),
      { numRuns: 300 },
    );
  });

  it('has the same VIPs, and all pools but the one of which something was said', () => {
    const document = read(textOf({}));
    const input = inputOf(document);
    const { config, overrides, observed } = input;
    const before = { config, overrides, observed, desired: resolve(input) };
    const desired = resolve({ ...input, overrides: withWord(overrides, 0), before });
    expect(desired.vips).toBe(before.desired.vips);
    const kept = desired.pools.filter((pool, i) => pool === before.desired.pools[i]).map(({ name }) => name);
    expect(kept).toEqual(['dns', 'spare']);
    expect(desired.pools.at(-1)?.backends[0]?.state).toBe('draining');
  });
});

describe('what a document wants observed', () => {
  it('is listed anew only where it is something else', () => {
    const first = read(textOf({}));
    const asked = askedOf(first.config, null);
    const weighed = read(textOf({ weight: 5 }), first);
    expect(askedOf(weighed.config, asked)).toEqual({ ...asked, config: weighed.config });
    expect(askedOf(weighed.config, asked).targets).toBe(asked.targets);
    const checked = read(textOf({}).replaceAll('"port":80', '"port":81'), first);
    const anew = askedOf(checked.config, asked);
    expect(anew.targets).toEqual(healthTargetsOf(checked.config));
    expect(anew.targets).not.toEqual(asked.targets);
    expect(anew.addresses).toEqual(backendAddressesOf(checked.config));
  });
});
