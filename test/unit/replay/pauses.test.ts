// Captures with long pauses: what has expired stays forgotten, though the packet path's entries tell their age by few bits.

import { describe, expect, it } from 'vitest';
import { MemoryEngine } from '../../../src/dataplane/memory-engine.ts';
import type { Desired } from '../../../src/model/desired.ts';
import { PcapWriter } from '../../../src/replay/pcap-writer.ts';
import { Replay } from '../../../src/replay/replay.ts';
import { tcp, tcpVip, udpTo, udpVip } from '../../fixtures/common.ts';
import { Oracle } from '../../oracle/oracle.ts';
import { desiredOf } from '../../support/desired.ts';
import { ipPacket, protocols } from '../../support/ip-packets.ts';
import { ethernetFrame, udpDatagram } from '../../support/packets.ts';
import { Random } from '../../support/random.ts';
import { randomDesired } from '../../support/random-desired.ts';
import { FrameSource } from '../../support/random-packets.ts';
import { useDirectory } from './support.ts';

const at = useDirectory();
const secondMs = 1000;
const hourMs = 3600 * secondMs;
const dayMs = 24 * hourMs;
/** After these a flow's and a fragment's age begin anew in the engine. */
const flowWrapMs = 2 ** 30;
const fragmentWrapMs = 2 ** 24 * 16;
const weekSec = 7 * 86_400;

interface Arrival {
  readonly frame: Uint8Array;
  readonly timeMs: number;
}

interface Judged {
  readonly verdict: string;
  readonly reason: string | null;
  readonly backend: string | null;
  readonly flow: string;
}

const startNs = 1_700_000_000_000_000_000n;
const ns = (ms: number): bigint => BigInt(ms) * 1_000_000n;

/** As `torii replay` judges them; documents are loaded at their time. */
function replayed(desired: Desired, packets: readonly Arrival[], flowEntries = 64): readonly Judged[] {
  const engine = new MemoryEngine({ flowEntries });
  engine.load(desired);
  const writer = new PcapWriter(at('out.pcap'));
  let text = '';
  const replay = new Replay({ engine, later: [], writer, print: (lines) => void (text += lines) });
  for (const { frame, timeMs } of packets) replay.add({ bytes: frame, timeNs: startNs + ns(timeMs) });
  replay.finish();
  writer.close();
  engine.close();
  const lines = text.trimEnd().split('\n');
  return lines.map((line) => judged(JSON.parse(line) as Judged));
}

function judged({ verdict, reason, backend, flow }: Judged): Judged {
  return { verdict, reason, backend, flow };
}

/** By the oracle, which keeps times whole. */
function expected(desired: Desired, packets: readonly Arrival[], flowEntries = 64): readonly Judged[] {
  const oracle = new Oracle(desired, { flowEntries });
  return packets.map(({ frame, timeMs }) => judged(oracle.run(frame, ns(timeMs))));
}

const lasting = desiredOf({ vips: [{ vip: tcpVip, timeouts: { tcpSec: weekSec } }, udpVip] });

describe('a flow over a long pause', () => {
  it.each([1, 9.999, 10, 60, 3600, 6 * 3600, 86_400, 5 * 86_400, weekSec - 1])(
    'lives for %f s within its timeout',
    (pauseSec) => {
      const packets = [0, 1, 1 + pauseSec * secondMs].map((timeMs) => ({ frame: tcp('A'), timeMs }));
      expect(replayed(lasting, packets).map(({ flow }) => flow)).toEqual(['new', 'known', 'known']);
    },
  );

  it.each([
    weekSec * secondMs,
    8 * dayMs,
    8 * dayMs + 1,
    flowWrapMs - 1,
    flowWrapMs,
    flowWrapMs + 1,
    flowWrapMs + 5 * dayMs,
    20 * dayMs,
    2 * flowWrapMs,
    100 * dayMs,
  ])('is forgotten after %d ms', (pauseMs) => {
    const packets = [0, 1, 1 + pauseMs].map((timeMs) => ({ frame: tcp('A'), timeMs }));
    expect(replayed(lasting, packets).map(({ flow }) => flow)).toEqual(['new', 'known', 'new']);
  });

  it.each([1, 2, 3, 7, 13, 40])('is forgotten when others come meanwhile, in %d pauses', (pauses) => {
    for (const wholeMs of [flowWrapMs, flowWrapMs + 3 * dayMs, flowWrapMs + 6 * dayMs]) {
      const others = Array.from({ length: pauses }, (_, i) => ({ frame: tcp('A', 1), timeMs: 1 + (wholeMs * (i + 1)) / pauses }));
      const packets = [0, 1].map((timeMs) => ({ frame: tcp('A'), timeMs }));
      const all = [...packets, ...others.map(({ frame, timeMs }) => ({ frame, timeMs: Math.floor(timeMs) }))];
      const last = { frame: tcp('A'), timeMs: 1 + wholeMs };
      expect(replayed(lasting, [...all, last]).at(-1)).toMatchObject({ verdict: 'forward', flow: 'new' });
    }
  });
});

describe('a fragment over a long pause', () => {
  const ends = { source: '198.51.100.7', destination: '203.0.113.10', protocol: protocols.udp, id: 7 };
  const datagram = udpDatagram({ from: '198.51.100.7:4000', to: udpTo, payload: new Uint8Array(56) });
  const first = ethernetFrame(ipPacket({ ...ends, moreFragments: true }, datagram.subarray(0, 32)));
  const later = ethernetFrame(ipPacket({ ...ends, fragmentOffset: 4 }, datagram.subarray(32)));

  it('follows the first one for half a minute, and never again', () => {
    const verdicts = (pauseMs: number): string => {
      const packets = [first, later].map((frame, i) => ({ frame, timeMs: i * pauseMs }));
      const last = replayed(lasting, packets).at(-1);
      return last?.reason ?? last?.verdict ?? '';
    };
    expect([0, 1000, 29_000].map(verdicts)).toEqual(['forward', 'forward', 'forward']);
    const pauses = [31_000, fragmentWrapMs - 16, fragmentWrapMs, fragmentWrapMs + 15_000, 2 * fragmentWrapMs, 100 * dayMs];
    expect(pauses.map(verdicts)).toEqual(pauses.map(() => 'fragment_unmatched'));
  });

  it('is forgotten when others come meanwhile', () => {
    const others = Array.from({ length: 40 }, (_, i) => ({ frame: tcp('A'), timeMs: Math.floor((fragmentWrapMs * i) / 40) }));
    const packets = [{ frame: first, timeMs: 0 }, ...others, { frame: later, timeMs: fragmentWrapMs + 100 }];
    expect(replayed(lasting, packets).at(-1)).toMatchObject({ reason: 'fragment_unmatched' });
  });
});

describe('any capture with pauses of up to a hundred days', () => {
  const pausesMs = [
    0,
    0,
    0,
    1,
    1000,
    9_999,
    60_000,
    hourMs,
    6 * hourMs,
    dayMs,
    3 * dayMs,
    5 * dayMs,
    weekSec * secondMs,
    8 * dayMs,
  ] as const;
  const wrapsMs = [fragmentWrapMs, flowWrapMs, flowWrapMs - dayMs, 2 * flowWrapMs, 30 * dayMs, 100 * dayMs] as const;

  it('is judged as the oracle judges it', () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = new Random(seed);
      const desired = randomDesired(random);
      const source = new FrameSource(random);
      let timeMs = 0;
      const packets = Array.from({ length: 200 }, (): Arrival => {
        timeMs += random.oneIn(3) ? random.pick(random.oneIn(4) ? wrapsMs : pausesMs) + random.below(2) : 0;
        return { frame: source.next().frame, timeMs };
      });
      expect(replayed(desired, packets), `seed ${seed}`).toEqual(expected(desired, packets));
    }
  });
});
