import { describe, expect, it } from 'vitest';
import { MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import { client, plain, tcp, tcpVip, udpTo, vipAddress } from '../fixtures/common.ts';
import { desiredOf } from '../support/desired.ts';
import { ipPacket, protocols } from '../support/ip-packets.ts';
import { ethernetFrame, udpDatagram } from '../support/packets.ts';

const secondNs = 1_000_000_000n;
const sweepNs = 60n * secondNs;
/** More than a new flow's timeout. */
const forgottenNs = 11n * secondNs;

function engineWithFlows(flowEntries: number, flows: number): { gauge: () => number; run: (timeNs: bigint) => void } {
  const engine = new MemoryEngine({ flowEntries });
  engine.load(desiredOf({ vips: [tcpVip] }));
  engine.run(Array.from({ length: flows }, (_, number) => ({ bytes: tcp('A', number), timeNs: sweepNs })));
  return {
    gauge: () => engine.counters.workers()[0]?.flows ?? -1,
    run: (timeNs) => void engine.run([{ bytes: tcp('A', 0), timeNs }]),
  };
}

describe('the sweep of the flow table', () => {
  it('looks at all of it within a minute, however packets fall', () => {
    for (const gapNs of [1_900_000n, 300_000_000n, 7_400_000_000n]) {
      const { gauge, run } = engineWithFlows(256, 100);
      expect(gauge()).toBeGreaterThan(90);
      const end = sweepNs + forgottenNs + sweepNs + gapNs;
      for (let timeNs = sweepNs; timeNs < end; timeNs += gapNs) run(timeNs);
      expect(gauge()).toBe(1);
    }
  });

  it('makes up for what was too much for one go', () => {
    const { gauge, run } = engineWithFlows(65_536, 1000);
    for (let n = 0; n < 65_536 / 4 / 256; n++) run(sweepNs + forgottenNs + sweepNs);
    expect(gauge()).toBe(1);
  });
});

describe('the sweep of fragments', () => {
  it('forgets a record before its few bits of time come round again', () => {
    const wrapNs = (1n << 24n) * 16_000_000n;
    const ip = { source: client, destination: vipAddress, protocol: protocols.udp, id: 7 };
    const datagram = udpDatagram({ from: `${client}:4000`, to: udpTo, payload: new Uint8Array(56) });
    const first = ethernetFrame(ipPacket({ ...ip, moreFragments: true }, datagram.subarray(0, 32)));
    const later = ethernetFrame(ipPacket({ ...ip, fragmentOffset: 4 }, datagram.subarray(32)));
    const engine = new MemoryEngine({ flowEntries: 1024 });
    engine.load(plain);
    const run = (bytes: Uint8Array, timeNs: bigint) => engine.run([{ bytes, timeNs }])[0];
    run(first, 0n);
    expect(run(later, secondNs)).toMatchObject({ verdict: 'forward', flow: 'known' });
    for (let timeNs = sweepNs; timeNs < wrapNs; timeNs += sweepNs) run(tcp('A'), timeNs);
    expect(run(later, wrapNs + secondNs)).toMatchObject({ reason: 'fragment_unmatched' });
    engine.close();
  });
});
