// What workers share: an error or a later fragment may arrive on any queue, whichever worker has the flow.

import { afterEach, describe, expect, it } from 'vitest';
import { type FrameOutcome, MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import type { Desired } from '../../src/model/desired.ts';
import { a, b, client, from, tcp, to, udpTo, vipAddress, web, zeros } from '../fixtures/common.ts';
import { bpfLimits } from '../support/bpf-engine.ts';
import { nodeAddress } from '../support/desired.ts';
import { be16, bytes, ipPacket, protocols } from '../support/ip-packets.ts';
import { ethernetFrame, icmpFrame, tcpPacket, udpDatagram, udpFrame } from '../support/packets.ts';

const workers = 3;
const ends = { source: client, destination: vipAddress, protocol: protocols.udp, id: 7 };
const error = icmpFrame({ from: '192.0.2.1', to: vipAddress, type: 3, body: tcpPacket({ from: to, to: from }).slice(0, 28) });

describe('workers of one engine', () => {
  let engine: MemoryEngine | undefined;

  afterEach(() => {
    engine?.close();
    engine = undefined;
  });

  const open = (desired: Desired): MemoryEngine => {
    engine = new MemoryEngine({ flowEntries: 64, workers, limits: bpfLimits });
    engine.load(desired);
    return engine;
  };
  const run = (frame: Uint8Array, worker: number, timeMs: number = 0): FrameOutcome | undefined =>
    engine?.run([{ bytes: frame, timeNs: BigInt(timeMs) * 1_000_000n }], worker)[0];

  it('steer an ICMP error to the backend of its flow, whichever of them has it', () => {
    open(web([a, { address: b, weight: 0 }]));
    for (let owner = 0; owner < workers; owner++) run(tcp('S', owner), owner);
    engine?.load(web([{ address: a, weight: 0 }, b]));
    for (let owner = 0; owner < workers; owner++) {
      const quote = tcpPacket({ from: to, to: `${client}:${40000 + owner}` }).slice(0, 28);
      const frame = icmpFrame({ from: '192.0.2.1', to: vipAddress, type: 3, body: quote });
      for (let worker = 0; worker < workers; worker++)
        expect(run(frame, worker)).toMatchObject({ verdict: 'forward', backend: a, flow: 'known' });
    }
  });

  it('look at the flow tables of others without a trace', () => {
    open(web([a]));
    run(tcp('S'), 0);
    expect(run(error, 1, 9_000)).toMatchObject({ flow: 'known' });
    expect(run(error, 1, 10_000)).toMatchObject({ flow: 'none' });
    expect(run(tcp('A'), 1, 10_000)).toMatchObject({ flow: 'new' });
    expect(engine?.counters.workers().map(({ newFlows }) => newFlows)).toEqual([1, 1, 0]);
  });

  it('let a later fragment follow a first one that another of them had', () => {
    open(web([a, { address: b, weight: 0 }]));
    const first = ipPacket({ ...ends, moreFragments: true }, udpDatagram({ from, to: udpTo, payload: zeros(8) }));
    expect(run(ethernetFrame(first), 2)).toMatchObject({ backend: a, flow: 'new' });
    engine?.load(web([{ address: a, weight: 0 }, b]));
    const later = ethernetFrame(ipPacket({ ...ends, fragmentOffset: 2 }, zeros(8)));
    for (let worker = 0; worker < workers; worker++)
      expect(run(later, worker)).toMatchObject({ verdict: 'forward', backend: a, flow: 'known' });
  });

  it('learn the MTU of a way from what came to one of them', () => {
    open(web([a]));
    const large = udpFrame({ from, to: udpTo, payload: zeros(1400), ip: { dontFragment: true } });
    expect(run(large, 1)).toMatchObject({ verdict: 'forward' });
    const outer = ipPacket({ source: nodeAddress, destination: a, protocol: protocols.ipip }, zeros(8));
    const told = icmpFrame({ from: '10.0.3.1', to: nodeAddress, type: 3, code: 4, rest: bytes([0, 0], be16(1300)), body: outer });
    expect(run(told, 0)).toMatchObject({ verdict: 'pass' });
    for (let worker = 0; worker < workers; worker++)
      expect(run(large, worker)).toMatchObject({ verdict: 'answer', reason: 'too_big' });
  });

  it('answer at a rate of their own', () => {
    open(web([a], { timeExceeded: { rate: 1, burst: 1 } }));
    const expired = tcp('S', 0, { ip: { ttl: 1 } });
    for (let worker = 0; worker < workers; worker++) {
      expect(run(expired, worker)).toMatchObject({ verdict: 'answer', reason: 'ttl_expired' });
      expect(run(expired, worker)).toMatchObject({ verdict: 'drop', reason: 'rate_limited' });
    }
  });
});
