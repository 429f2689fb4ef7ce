// How BFD sessions get their slots of the native thread, with a thread that the test plays.

import { describe, expect, it } from 'vitest';
import { Bfd } from '../../../src/bgp/bfd.ts';
import type { PeerConfig } from '../../../src/model/peer.ts';
import type { BfdAddon, BfdHandle, BfdSession } from '../../../src/net.ts';
import { peerConfig } from '../../support/peer-config.ts';
import { FakeClock } from './support/fake-network.ts';

const sessionNames = [
  'state',
  'remoteState',
  'lastDiagnostic',
  'remoteDiagnostic',
  'sendIntervalUs',
  'detectionUs',
  'failures',
  'flaps',
  'sent',
  'received',
  'discarded',
  'sendError',
  'begun',
  'ended',
];
const speakerNames = ['beat', 'priority', 'error4', 'error6', 'unread'];
const numbered = (names: readonly string[]) => Object.fromEntries(names.map((name, i) => [name, i]));
const layout = {
  speaker: numbered(speakerNames),
  session: numbered(sessionNames),
  discards: ['stranger'],
  firstDiscard: speakerNames.length,
  firstSession: speakerNames.length + 1,
  sessionWords: sessionNames.length,
  sessions: 2,
};

class PlayedThread implements BfdAddon {
  readonly orders: string[] = [];
  readonly words = new BigUint64Array(layout.firstSession + layout.sessions * layout.sessionWords);
  readonly sessions: (BfdSession | undefined)[] = [];
  wake = (): void => undefined;

  bfdLayout() {
    return layout;
  }

  bfdStart(port: number, wake: () => void) {
    this.orders.push(`start ${port}`);
    this.wake = wake;
    return { handle: {} as BfdHandle, words: this.words.buffer };
  }

  bfdSet(_: BfdHandle, slot: number, session: BfdSession) {
    if (session.peer.includes('%')) throw new TypeError('an address, whose interface exists if it names one');
    this.sessions[slot] = session;
    this.orders.push(`set ${slot} ${session.peer} ${session.intervalMs}`);
  }

  bfdLeave(_: BfdHandle, slot: number) {
    this.orders.push(`leave ${slot}`);
  }

  bfdStop() {
    this.orders.push('stop');
  }

  say(slot: number, words: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(words)) {
      this.words[layout.firstSession + slot * layout.sessionWords + sessionNames.indexOf(name)] = BigInt(value);
    }
    this.wake();
  }
}

const peer = (n: number, intervalMs = 100, more: Partial<PeerConfig> = {}): PeerConfig =>
  peerConfig(`10.66.0.${n}`, { bfd: { intervalMs, multiplier: 3 }, ...more });

function setUp() {
  const thread = new PlayedThread();
  const clock = new FakeClock();
  const told: string[] = [];
  const bfd = new Bfd({
    addon: thread,
    clock,
    events: {
      onLost: (address) => void told.push(`lost ${address}`),
      onRegained: (address) => void told.push(`regained ${address}`),
      onChange: () => undefined,
      onLog: () => undefined,
    },
  });
  return { thread, clock, told, bfd, beats: () => Number(thread.words[0]) };
}

const up = { state: 3, remoteState: 3 };

describe('the slots of BFD sessions', () => {
  it('are given to peers with BFD, and kept when only the interval changes', () => {
    const { thread, bfd } = setUp();
    const { bfd: _, ...without } = peer(9);
    bfd.configure([peer(1), without, peer(2)]);
    bfd.configure([peer(1), peer(2, 50)]);
    expect(thread.orders).toEqual(['start 3784', 'set 0 10.66.0.1 100', 'set 1 10.66.0.2 100', 'set 1 10.66.0.2 50']);
    expect(thread.sessions[0]).toMatchObject({ local: '0.0.0.0', peerPort: 3784, hungAfterMs: 9000 });
  });

  it('answer for a speaker that is hung for the hold time, or 90 s where there is none', () => {
    const { thread, bfd } = setUp();
    bfd.configure([peer(1, 100, { holdTimeSec: 0, localAddress: '10.66.0.7' })]);
    expect(thread.sessions[0]).toMatchObject({ local: '10.66.0.7', hungAfterMs: 90_000 });
  });

  it('are free again when the farewell is over, and what the last session left there is not read', () => {
    const { thread, told, bfd } = setUp();
    bfd.configure([peer(1), peer(2)]);
    thread.say(0, { ...up, begun: 1, failures: 4 });
    bfd.configure([peer(2), peer(3)]);
    expect(thread.orders.slice(3)).toEqual(['leave 0']);
    expect(bfd.status('10.66.0.3')?.trouble).toBe('BFD runs for 2 peers at most');
    thread.say(0, { ended: 1 });
    bfd.configure([peer(2), peer(3)]);
    expect(thread.orders.slice(4)).toEqual(['set 0 10.66.0.3 100']);
    expect(bfd.status('10.66.0.3')).toMatchObject({ state: 'down', flaps: 0, trouble: null });
    told.splice(0);
    thread.say(0, { state: 1, failures: 0, begun: 2 });
    expect(told).toEqual([]);
  });

  it('are asked for again where an interface was missing', async () => {
    const { thread, clock, bfd } = setUp();
    bfd.configure([peer(1, 100, { address: 'fe80::1%e9' })]);
    expect(bfd.status('fe80::1%e9')?.trouble).toMatch(/interface/);
    thread.bfdSet = (_, slot, { peer }) => void thread.orders.push(`set ${slot} ${peer}`);
    await clock.advance(1000);
    expect(thread.orders.slice(1)).toEqual(['set 0 fe80::1%e9']);
    expect(bfd.status('fe80::1%e9')?.trouble).toBeNull();
  });

  it('start anew when the local address changes, and a loss of the old session holds nobody back', () => {
    const { thread, told, bfd } = setUp();
    bfd.configure([peer(1)]);
    thread.say(0, { ...up, begun: 1 });
    thread.say(0, { state: 1, failures: 1, flaps: 1, lastDiagnostic: 1 });
    bfd.configure([peer(1, 100, { localAddress: '10.66.0.7' })]);
    expect(thread.orders.slice(2)).toEqual(['leave 0', 'set 1 10.66.0.1 100']);
    expect(told).toEqual(['lost 10.66.0.1', 'regained 10.66.0.1']);
  });

  it('are all left before the thread is stopped', async () => {
    const { thread, bfd } = setUp();
    bfd.configure([peer(1), peer(2)]);
    thread.say(0, { ...up, begun: 1 });
    thread.say(1, { ...up, begun: 1 });
    const closed = bfd.close();
    thread.say(0, { ended: 1 });
    expect(thread.orders.slice(3)).toEqual(['leave 0', 'leave 1']);
    thread.say(1, { ended: 1 });
    await closed;
    expect(thread.orders.at(-1)).toBe('stop');
  });

  it('are not waited for longer than two seconds', async () => {
    const { thread, clock, bfd } = setUp();
    bfd.configure([peer(1)]);
    const closed = bfd.close();
    await clock.advance(2000);
    await closed;
    expect(thread.orders.at(-1)).toBe('stop');
  });

  it('hear four beats a second', async () => {
    const { clock, bfd, beats } = setUp();
    bfd.configure([peer(1)]);
    await clock.advance(1000);
    expect(beats()).toBe(5);
  });

  it('are done without where the thread cannot start', () => {
    const { thread, bfd } = setUp();
    thread.bfdStart = () => {
      throw new Error('bfdStart: Resource temporarily unavailable');
    };
    bfd.configure([peer(1)]);
    const trouble = 'BFD cannot run: bfdStart: Resource temporarily unavailable; BGP goes on without it';
    expect(bfd.troubles()).toEqual([trouble]);
    expect(bfd.status('10.66.0.1')).toMatchObject({ state: 'down', trouble });
  });
});
