// What the soak reads of others: tcpdump's lines, and the balancers' log. Lines were recorded from tcpdump 4.99 and from Torii.

import { describe, expect, it } from 'vitest';
import { PauseRecord } from '../../../bench/bfd-pace.ts';
import { isOurDetection, isRoutersDetection, lossesIn } from '../../../bench/soak-watch.ts';
import { isNear } from '../../../bench/stall-watch.ts';

describe('pauses between BFD packets', () => {
  const line = (sec: number, ends: string, state = 'Up') =>
    `${(1_795_323_840 + sec).toFixed(6)} IP${ends.includes('fd66') ? '6' : ''} ${ends}: BFDv1, Control, State ${state}, Flags: [none], length: 24`;
  const ours = '10.66.0.11.63749 > 10.66.0.1.3784';
  const routers = 'fd66::1.49157 > fd66::12.3784';
  const pausesOf = (...lines: readonly string[]) => {
    const record = new PauseRecord();
    for (const each of lines) record.take(each);
    return record.pauses.map((pause) => ({ ...pause, longestMs: Math.round(pause.longestMs) }));
  };

  it('are those of each way of each session', () => {
    expect(pausesOf(line(1, ours), line(1.01, routers), line(1.05, ours), line(1.2, ours), line(1.06, routers), 'noise')).toEqual(
      [
        { from: '10.66.0.11', to: '10.66.0.1', longestMs: 150, packets: 3 },
        { from: 'fd66::1', to: 'fd66::12', longestMs: 50, packets: 2 },
      ],
    );
  });

  it('count after a packet that says Up, whatever comes next: a session that is down is slow', () => {
    const [pause] = pausesOf(
      line(1, ours),
      line(1.05, ours),
      line(1.25, ours, 'Down'),
      line(3, ours, 'Init'),
      line(4, ours),
      line(4.04, ours),
    );
    expect(pause?.longestMs).toBe(200);
  });
});

describe('losses in a balancer’s log', () => {
  const said = (msg: string) => JSON.stringify({ level: 'warn', time: '2026-11-22T05:00:00.000Z', peer: '10.66.0.1', msg });
  const [ours, routers, bgp] = lossesIn(
    [
      said('BFD down: control detection time expired'),
      said('BFD down: neighbor signaled session down (control detection time expired)'),
      said('session lost (sent): cease: BFD down'),
      said('BFD up'),
      '',
    ].join('\n'),
  );

  it('say which end heard nothing', () => {
    expect([ours, routers, bgp].map((loss) => loss && [isOurDetection(loss), isRoutersDetection(loss)])).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ]);
    expect(bgp).toEqual({ at: '2026-11-22T05:00:00.000Z', peer: '10.66.0.1', text: 'session lost (sent): cease: BFD down' });
  });
});

describe('a stall of the machine', () => {
  it.each([
    ['before it began', 9_849, false],
    ['while it lasted', 9_850, true],
    ['soon after it', 12_000, true],
    ['long after it', 12_001, false],
  ])('is to blame for a loss or not: %s', (_when, atMs, expected) => {
    expect(isNear({ atMs: 10_000, longMs: 150 }, atMs, 2000)).toBe(expected);
  });
});
