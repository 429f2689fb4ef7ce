// The change from one speaker to the other: what each of them is told, and when.

import { describe, expect, it } from 'vitest';
import { ChosenSpeaker, type WorkerSpeaker } from '../../../src/bgp/chosen-speaker.ts';
import type { SpeakerConfig } from '../../../src/model/peer.ts';
import { config, host } from './support/session-bed.ts';

const exabgp: SpeakerConfig = { ...config, implementation: 'exabgp' };

/** Writes down what it is told; ends its sessions when the test says so. */
class Recorder implements WorkerSpeaker {
  readonly told: string[] = [];
  readonly kind: string;
  endSessions: () => void = () => undefined;

  constructor({ implementation }: SpeakerConfig) {
    this.kind = implementation ?? 'built-in';
  }

  set(advertisements: Parameters<WorkerSpeaker['set']>[0]): void {
    this.told.push(`set ${advertisements.map(({ prefix }) => prefix).join(' ')}`.trimEnd());
  }

  configure(): void {
    this.told.push('configure');
  }

  async leave(): Promise<void> {
    this.told.push('leave');
    await Promise.resolve();
  }

  async close(graceful: boolean): Promise<void> {
    this.told.push(`close ${graceful}`);
    await new Promise<void>((resolve) => {
      this.endSessions = resolve;
    });
  }

  peers = () => [];
  troubles = () => [];
  bfdDiscards = () => ({});
  messages = () => undefined;
}

function setUp() {
  const made: Recorder[] = [];
  const chosen = new ChosenSpeaker(config, (wanted) => {
    const speaker = new Recorder(wanted);
    made.push(speaker);
    return speaker;
  });
  const told = () => made.map((each) => [each.kind, each.told]);
  /** The change under way is over. */
  const settle = async (): Promise<void> => {
    made.at(-1)?.endSessions();
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return { chosen, told, settle };
}

describe('a change of the speaker', () => {
  it('before the first routes are known tells the new one nothing, so that it tells no router that there are none', async () => {
    const { chosen, told, settle } = setUp();
    chosen.configure(exabgp);
    await settle();
    expect(told()).toEqual([
      ['built-in', ['close false']],
      ['exabgp', []],
    ]);
    chosen.set([host(1)]);
    expect(told()[1]).toEqual(['exabgp', ['set 203.0.113.1/32']]);
  });

  it('tells the new one, once the sessions of the old one have ended, what is known by then', async () => {
    const { chosen, told, settle } = setUp();
    chosen.set([host(1)]);
    chosen.configure(exabgp);
    expect(told()).toHaveLength(1);
    chosen.set([host(1), host(2)]);
    await settle();
    expect(told()).toEqual([
      ['built-in', ['set 203.0.113.1/32', 'close false', 'set 203.0.113.1/32 203.0.113.2/32']],
      ['exabgp', ['set 203.0.113.1/32 203.0.113.2/32']],
    ]);
  });

  it('that is taken back on the way starts the first kind anew', async () => {
    const { chosen, told, settle } = setUp();
    chosen.set([]);
    chosen.configure(exabgp);
    chosen.configure({ ...config, drainSec: 1 });
    await settle();
    expect(told().map(([kind]) => kind)).toEqual(['built-in', 'built-in']);
    chosen.configure({ ...config, drainSec: 2 });
    expect(told()[1]).toEqual(['built-in', ['set', 'configure']]);
  });

  it('makes no new one where the node leaves meanwhile', async () => {
    const { chosen, told, settle } = setUp();
    chosen.set([host(1)]);
    chosen.configure(exabgp);
    const left = chosen.leave();
    await settle();
    await left;
    expect(told()).toEqual([['built-in', ['set 203.0.113.1/32', 'close false', 'leave']]]);
  });
});
