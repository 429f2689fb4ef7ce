// What `torii explain` says of the way to a backend, held against what the packet path does with packets of that flow.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryEngine } from '../../../src/dataplane/memory-engine.ts';
import { addressBytes } from '../../../src/model/address.ts';
import type { Desired } from '../../../src/model/desired.ts';
import { parseFlow } from '../../../src/model/flow.ts';
import { type ExplainSources, explain } from '../../../src/steering/explain.ts';
import type { LearnedMtu } from '../../../src/steering/explain-way.ts';
import { desiredOf } from '../../support/desired.ts';
import { ipPacket, protocols } from '../../support/ip-packets.ts';
import { ethernetFrame, udpPacket } from '../../support/packets.ts';

const backend4 = '10.0.2.21';
const backend6 = '2001:db8:2::21';
const entropy = { prefix: '192.0.2.0/25', prefix6: '2001:db8:e::/64' };
const ends4 = { from: '198.51.100.7:40000', to: '203.0.113.10:53' };
const ends6 = { from: '[2001:db8:9::7]:40000', to: '[2001:db8::10]:53' };

interface Case {
  readonly title: string;
  readonly ends: typeof ends4;
  readonly backend: string;
  readonly encap?: 'ipip' | 'l2';
  readonly entropy?: boolean;
}

const cases: readonly Case[] = [
  { title: 'IPv4 in IPv4', ends: ends4, backend: backend4 },
  { title: 'IPv6 in IPv4', ends: ends6, backend: backend4 },
  { title: 'IPv4 in IPv6', ends: ends4, backend: backend6 },
  { title: 'IPv6 in IPv6', ends: ends6, backend: backend6 },
  { title: 'encap l2', ends: ends4, backend: backend4, encap: 'l2' },
  { title: 'IPv4 with entropy', ends: ends4, backend: backend4, entropy: true },
  { title: 'IPv6 with entropy', ends: ends6, backend: backend6, entropy: true },
];

function desiredFor({ ends, backend, encap = 'ipip', entropy: isSpread = false }: Case): Desired {
  return desiredOf({ vips: [{ vip: `${ends.to}/udp`, encap, entropy: isSpread }], pools: { web: [backend] }, entropy });
}

/** What is said, by step. */
function said(desired: Desired, ends: typeof ends4, more: Partial<ExplainSources> = {}): Readonly<Record<string, string>> {
  const flow = parseFlow(`udp ${ends.from} ${ends.to}`);
  if (flow === undefined) throw new Error('no flow');
  const backendAddress = (): string | undefined => desired.pools[0]?.backends[0]?.address;
  const nothing = () => undefined;
  const sources = {
    desired,
    entry: nothing,
    timeouts: nothing,
    backend: nothing,
    slot: () => 1,
    backendAddress,
    learnedMtu: nothing,
    ...more,
  };
  return Object.fromEntries(explain(flow, sources).steps.map(({ step, result }) => [step, result]));
}

describe('the explained way of a flow', () => {
  let engine: MemoryEngine;
  beforeEach(() => {
    engine = new MemoryEngine({ flowEntries: 1024 });
  });
  afterEach(() => engine.close());

  const run = (frame: Uint8Array) => engine.run([{ bytes: frame, timeNs: 0n }])[0];

  /** A packet of the flow of `size` bytes, with DF. */
  function sized({ ends }: Case, size: number): Uint8Array {
    const headers = ends === ends6 ? 48 : 28;
    return ethernetFrame(udpPacket({ ...ends, payload: new Uint8Array(size - headers), ip: { dontFragment: true } }));
  }

  it.each(cases)('says what fits: $title', (each) => {
    const desired = desiredFor(each);
    engine.load(desired);
    const most = Number(/^up to (\d+) bytes/.exec(said(desired, each.ends)['size'] ?? '')?.[1]);
    expect(run(sized(each, most))).toMatchObject({ verdict: 'forward' });
    expect(run(sized(each, most + 1))).toMatchObject({ verdict: 'answer', reason: 'too_big' });
  });

  it.each(cases.filter(({ encap }) => encap !== 'l2'))('says the outer source: $title', (each) => {
    const desired = desiredFor(each);
    engine.load(desired);
    const [source = ''] = (said(desired, each.ends)['outer source'] ?? '').split(',');
    const outer = run(sized(each, 100))?.out[0] ?? new Uint8Array(0);
    const inside = each.backend === backend4 ? outer.subarray(26, 30) : outer.subarray(22, 38);
    expect(Buffer.from(inside)).toEqual(Buffer.from(addressBytes(source).subarray(-inside.length)));
  });

  it('has no outer source without an outer header', () => {
    const direct: Case = { title: '', ends: ends4, backend: backend4, encap: 'l2' };
    expect(said(desiredFor(direct), ends4)).not.toHaveProperty('outer source');
  });

  it('tells the MTU that ICMP told, where it is lower than the route’s', () => {
    const desired = desiredFor({ title: '', ends: ends4, backend: backend4 });
    const size = (learned: LearnedMtu) => said(desired, ends4, { learnedMtu: () => learned })['size'];
    expect(size({ mtuBytes: 1400, agoSec: 68 })).toMatch(/^up to 1380 bytes: MTU 1400 \(ICMP told MTU 1400 68 s ago\) less 20/);
    expect(size({ mtuBytes: 1500, agoSec: 1 })).toMatch(/^up to 1480 bytes: MTU 1500 less 20/);
  });

  it('takes a source in the entropy prefix for this node’s own', () => {
    const desired = desiredFor({ title: '', ends: ends4, backend: backend4 });
    const own = { from: '192.0.2.99:40000', to: ends4.to };
    engine.load(desired);
    expect(said(desired, own)['source']).toBe("192.0.2.99 is of this node's entropy prefix");
    expect(run(ethernetFrame(udpPacket({ ...own })))).toMatchObject({ reason: 'loop' });
  });
});

describe('the explained way of later fragments', () => {
  const vips = {
    whole: [{ vip: '203.0.113.10:53/udp' }],
    bySource: [{ vip: '203.0.113.10:53/udp', hash: 'source' }, { vip: '203.0.113.10:80/tcp' }],
    mixed: [{ vip: '203.0.113.10:53/udp', hash: 'source' }, { vip: '203.0.113.10:54/udp' }],
    prefix: [
      { vip: '203.0.113.0/24:53/udp', hash: 'source' },
      { vip: '203.0.113.0/28:53/udp', hash: 'source' },
      { vip: '203.0.113.0/28:54/udp' },
    ],
    shorter: [
      { vip: '203.0.113.0/24:53/udp', hash: 'source' },
      { vip: '203.0.113.0/28:54/udp', hash: 'source' },
    ],
  } as const;

  it.each(Object.keys(vips) as (keyof typeof vips)[])('is what the packet path does without the first one: %s', (name) => {
    const desired = desiredOf({ vips: vips[name] });
    const engine = new MemoryEngine({ flowEntries: 1024 });
    engine.load(desired);
    const ip = { source: '198.51.100.7', destination: '203.0.113.10', protocol: protocols.udp, fragmentOffset: 4 };
    const [outcome] = engine.run([{ bytes: ethernetFrame(ipPacket(ip, new Uint8Array(24))), timeNs: 0n }]);
    engine.close();
    const expected =
      outcome === undefined || outcome.backend === null
        ? 'without it fragment_unmatched'
        : `without it by the source address to ${outcome.backend}`;
    expect(said(desired, ends4)['later fragments']).toBe(`follow their first one for 30 s; ${expected}`);
    expect(outcome?.verdict === 'forward').toBe(name === 'bySource' || name === 'shorter');
  });
});
