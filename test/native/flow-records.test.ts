// Flow records: what the memory engine remembers of its flows beside their entries, as `torii flows` reads it.

import { afterEach, describe, expect, it } from 'vitest';
import { loadDataplaneAddon } from '../../src/dataplane/addon.ts';
import { type FlowRecordPage, FlowRecords, type FlowScan, pagePlaces, stepPlaces } from '../../src/dataplane/flow-records.ts';
import { FlowTable } from '../../src/dataplane/flow-table.ts';
import { MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import type { Desired } from '../../src/model/desired.ts';
import { flowText } from '../../src/model/flow.ts';
import { a6, tcp, tcp6, tcpVip, tcpVip6, udp, udpTo, udpVip, vipAddress } from '../fixtures/common.ts';
import { desiredOf, nodeAddress } from '../support/desired.ts';
import { ipPacket, protocols } from '../support/ip-packets.ts';
import { ethernetFrame, icmpPacket, tcpFrame, tcpSegment, udpDatagram } from '../support/packets.ts';

const second = 1_000_000_000n;
const nowNs = 5_000n * second;
const addon = { ...loadDataplaneAddon(), now: () => nowNs };
const both = desiredOf({ vips: [tcpVip, udpVip, tcpVip6] });
const engines: MemoryEngine[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.close();
});

function engineWith(desired: Desired, flowEntries = 1024): { engine: MemoryEngine; records: FlowRecords } {
  const engine = new MemoryEngine({ flowEntries, flowRecords: true });
  engines.push(engine);
  engine.load(desired);
  return { engine, records: new FlowRecords(addon, engine.engine, new FlowTable(addon, engine.engine)) };
}

/** A page, looked through to its end. */
function pageOf(records: FlowRecords, scan: FlowScan): FlowRecordPage {
  const search = records.search(scan);
  while (search.step());
  return search.page();
}

const everything = { from: 0, limit: 10_000, source: null, wants: () => true };

/** One burst of frames that come `agoSec` before now. */
function burst(engine: MemoryEngine, frames: readonly Uint8Array[], agoSec = 0): void {
  engine.run(frames.map((bytes) => ({ bytes, timeNs: nowNs - BigInt(agoSec) * second })));
}

describe('the record of a flow', () => {
  it('has its tuple, VIP, age, packets and bytes', () => {
    const { engine, records } = engineWith(both);
    const syn = tcp('S');
    burst(engine, [syn], 30);
    for (const agoSec of [25, 10, 0]) burst(engine, [tcp('A')], agoSec);
    const { records: found, next } = pageOf(records, everything);
    expect(next).toBeNull();
    expect(found.map((each) => flowText(each))).toEqual(['tcp 198.51.100.7:40000 203.0.113.10:80']);
    expect(found[0]).toMatchObject({ packets: 4, bytes: syn.length + 3 * tcp('A').length, ageSec: 30 });
    expect(found[0]?.entry).toMatchObject({ state: 'established', idleMs: 0, worker: 0 });
    expect(found[0]?.vipIndex).toBeGreaterThan(0);
  });

  const ways: readonly (readonly [title: string, desired: Desired])[] = [
    ['IPv4', both],
    ['IPv6', desiredOf({ vips: [tcpVip, udpVip, tcpVip6], pools: { web: [a6] } })],
    ['no outer header', desiredOf({ vips: [tcpVip, udpVip, tcpVip6].map((vip) => ({ vip, encap: 'l2' })) })],
    ['a narrow way', desiredOf({ vips: [tcpVip, udpVip, tcpVip6], pools: { web: [{ address: '10.0.2.21', mtuBytes: 1320 }] } })],
  ];
  it.each(ways)('is of the packet that came, whatever it leaves in: %s', (_, desired) => {
    const { engine, records } = engineWith(desired);
    const large = { payload: new Uint8Array(1400) };
    burst(engine, [tcp('S'), udp(1), tcp6('S'), tcp('S', 2, { ethernet: { vlans: [7] } }), udp(3, large)]);
    expect(
      pageOf(records, everything)
        .records.map((each) => flowText(each))
        .sort(),
    ).toEqual([
      'tcp 198.51.100.7:40000 203.0.113.10:80',
      'tcp 198.51.100.7:40002 203.0.113.10:80',
      'tcp [2001:db8:9::7]:40000 [2001:db8::10]:80',
      'udp 198.51.100.7:40001 203.0.113.10:53',
      'udp 198.51.100.7:40003 203.0.113.10:53',
    ]);
  });

  it('begins anew with a connection that begins anew', () => {
    const { engine, records } = engineWith(both);
    burst(engine, [tcp('S'), tcp('A')], 90);
    burst(engine, [tcp('FA')], 80);
    burst(engine, [tcp('S')], 5);
    expect(pageOf(records, everything).records).toMatchObject([{ packets: 1, ageSec: 5 }]);
  });

  it.each([
    [1, 1000],
    [24, 1000],
    [64, 8000],
  ])('counts about as many packets as came, in bursts of %d', (size, bursts) => {
    const { engine, records } = engineWith(both);
    const flows = 8;
    burst(
      engine,
      Array.from({ length: flows }, (_, i) => tcp('S', i)),
    );
    for (let n = 0; n < bursts; n++) {
      burst(
        engine,
        Array.from({ length: size }, (_, i) => tcp('A', (i * 7 + n) % flows)),
      );
    }
    const found = pageOf(records, everything).records;
    const each = (bursts * size) / flows;
    expect(found.length).toBe(flows);
    for (const { packets, bytes } of found) {
      expect(Math.abs(packets - 1 - each)).toBeLessThan(size === 1 ? 1 : each / 4);
      expect(bytes).toBe(tcp('S').length + (packets - 1) * tcp('A').length);
    }
    const all = found.reduce((sum, { packets }) => sum + packets, 0);
    expect(Math.abs(all - flows - bursts * size)).toBeLessThanOrEqual(size < 32 ? 0 : (bursts * size) / 20);
  });

  it('is not touched by what is no packet of the flow', () => {
    const { engine, records } = engineWith(both);
    const ip = { source: '198.51.100.7', destination: vipAddress, protocol: protocols.udp, id: 9 };
    const datagram = udpDatagram({ from: '198.51.100.7:40000', to: udpTo, payload: new Uint8Array(56) });
    const reply = tcpSegment({ from: `${vipAddress}:80`, to: '198.51.100.7:40000' });
    const quote = ipPacket({ source: vipAddress, destination: '198.51.100.7', protocol: protocols.tcp }, reply);
    burst(engine, [tcp('S')]);
    burst(engine, [ethernetFrame(ipPacket({ ...ip, moreFragments: true }, datagram.subarray(0, 32)))]);
    burst(engine, [ethernetFrame(ipPacket({ ...ip, fragmentOffset: 4 }, datagram.subarray(32)))]);
    burst(engine, [ethernetFrame(icmpPacket({ from: '10.0.3.254', to: vipAddress, type: 3, code: 4, body: quote }))]);
    burst(engine, [ethernetFrame(icmpPacket({ from: '10.0.3.254', to: nodeAddress, type: 8 })), tcp('R', 5)]);
    expect(
      pageOf(records, everything)
        .records.map(({ protocol, packets }) => `${protocol} ${packets}`)
        .sort(),
    ).toEqual(['tcp 1', 'udp 1']);
  });

  it('is there for every flow of a table that many flows went through', () => {
    const { engine, records } = engineWith(both, 64);
    for (let i = 0; i < 500; i += 50)
      burst(
        engine,
        Array.from({ length: 50 }, (_, j) => tcp('S', i + j)),
      );
    const found = pageOf(records, everything).records.map((each) => each.source.port);
    expect(found.length).toBe(engine.counters.workers()[0]?.flows);
    expect(new Set(found).size).toBe(found.length);
  });

  it('comes in pages that go on where the one before ended', () => {
    const { engine, records } = engineWith(both);
    burst(
      engine,
      Array.from({ length: 60 }, (_, i) => tcp('S', i)),
    );
    const ports: number[] = [];
    for (let from: number | null = 0; from !== null; ) {
      const page = pageOf(records, { ...everything, from, limit: 7 });
      expect(page.records.length).toBeLessThanOrEqual(7);
      ports.push(...page.records.map(({ source }) => source.port));
      from = page.next;
    }
    expect(ports.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => 40_000 + i));
  });
});

describe('the pages of a table in use', () => {
  const from = (address: string, port: number) => tcpFrame({ from: `${address}:${port}`, to: `${vipAddress}:80`, flags: 'S' });

  it('have every flow that was there all along once, whatever comes and goes between them', () => {
    const { engine, records } = engineWith(both, 4096);
    const stay = Array.from({ length: 400 }, (_, i) => i);
    burst(
      engine,
      stay.map((i) => tcp('S', i)),
    );
    burst(
      engine,
      stay.map((i) => tcp('A', i)),
    );
    const seen: number[] = [];
    let others = 1000;
    for (let at: number | null = 0; at !== null; ) {
      const page = pageOf(records, { ...everything, from: at, limit: 9 });
      seen.push(...page.records.map(({ source }) => source.port - 40_000));
      at = page.next;
      burst(
        engine,
        Array.from({ length: 50 }, () => tcp('S', others++)),
      );
    }
    expect(seen.filter((port) => port < 400).toSorted((a, b) => a - b)).toEqual(stay);
  });

  it.each([
    ['of any', () => true],
    ['of none', () => false],
  ])(
    'are looked through a bounded number of places at a time, in search %s, and go on to the end of a large table',
    (_, wants) => {
      const places = 1 << 19;
      const { engine, records } = engineWith(both, places);
      burst(
        engine,
        Array.from({ length: 5000 }, (_, i) => from(`10.1.${i >> 8}.${i & 255}`, 1000)),
      );
      const looked: number[] = [];
      const pages: number[] = [];
      let found = 0;
      for (let at: number | null = 0; at !== null; ) {
        const search = records.search({ ...everything, from: at, wants });
        for (let before = at, isMore = true; isMore; before = search.place) {
          isMore = search.step();
          looked.push(search.place - before);
        }
        pages.push(search.place - at);
        found += search.page().records.length;
        at = search.page().next;
      }
      expect(Math.max(...looked)).toBe(stepPlaces);
      expect(Math.max(...pages)).toBe(pagePlaces);
      expect(looked.reduce((sum, each) => sum + each, 0)).toBe(places);
      expect(found).toBe(wants() ? 5000 : 0);
    },
  );

  it('end a step as soon as they are full', () => {
    const { engine, records } = engineWith(both);
    burst(
      engine,
      Array.from({ length: 60 }, (_, i) => tcp('S', i)),
    );
    const search = records.search({ ...everything, limit: 7 });
    expect(search.step()).toBe(false);
    expect(search.page().records.length).toBe(7);
    expect(search.place).toBeLessThan(1024);
  });

  it('have what comes from a prefix, bit by bit', () => {
    const { engine, records } = engineWith(both);
    const sources = ['10.0.0.1', '10.0.0.128', '10.0.1.1', '10.128.0.1', '192.0.2.1', '192.0.2.254'];
    burst(
      engine,
      sources.map((each, i) => from(each, 1000 + i)),
    );
    burst(engine, [tcp6('S')]);
    const within = (address: string, length: number) =>
      pageOf(records, { ...everything, source: { address, length } })
        .records.map(({ source }) => source.address)
        .toSorted();
    expect(within('10.0.0.0', 25)).toEqual(['10.0.0.1']);
    expect(within('10.0.0.0', 24)).toEqual(['10.0.0.1', '10.0.0.128']);
    expect(within('10.0.0.0', 9)).toEqual(['10.0.0.1', '10.0.0.128', '10.0.1.1']);
    expect(within('192.0.2.254', 32)).toEqual(['192.0.2.254']);
    expect(within('0.0.0.0', 0)).toEqual(sources);
    expect(within('2001:db8::', 32)).toEqual(['2001:db8:9::7']);
    expect(within('2001:db9::', 32)).toEqual([]);
  });
});

describe('an engine without records', () => {
  it('says that it has none', () => {
    const engine = new MemoryEngine({ flowEntries: 1024 });
    engines.push(engine);
    expect(() => new FlowRecords(addon, engine.engine, new FlowTable(addon, engine.engine))).toThrow('not asked for');
  });
});
