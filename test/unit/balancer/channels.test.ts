import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { raiseChannels } from '../../../src/balancer/channels.ts';
import { ToriiError } from '../../../src/errors.ts';
import { loadNetAddon } from '../../../src/net.ts';

class Cards {
  readonly counts: Map<string, { count: number; max: number }>;
  isPrivileged = true;

  constructor(counts: Readonly<Record<string, readonly [count: number, max: number]>>) {
    this.counts = new Map(Object.entries(counts).map(([name, [count, max]]) => [name, { count, max }]));
  }
  channels(device: string) {
    return this.counts.get(device) ?? null;
  }
  setChannels(device: string, count: number): void {
    if (!this.isPrivileged) throw new ToriiError('no_privilege', 'setChannels: Operation not permitted');
    const card = this.counts.get(device);
    if (card === undefined) throw new ToriiError('internal', 'setChannels: No such device');
    card.count = count;
  }
  now(): Record<string, number> {
    return Object.fromEntries([...this.counts].map(([name, { count }]) => [name, count]));
  }
}

describe("a card's queues", () => {
  it('become as many as there are workers, or as it has, and never fewer; in the end they are as they were', () => {
    const cards = new Cards({ few: [1, 8], small: [1, 2], many: [16, 16] });
    const raised = raiseChannels(cards, ['few', 'small', 'many', 'veth'], 4);
    expect(cards.now()).toEqual({ few: 4, small: 2, many: 16 });
    expect(raised.lines).toEqual(['few: 4 queues instead of 1, for 4 workers', 'small: 2 queues instead of 1, for 4 workers']);
    raised.restore();
    expect(cards.now()).toEqual({ few: 1, small: 1, many: 16 });
  });

  it('stay where they may not be changed, which is told', () => {
    const cards = new Cards({ few: [1, 8] });
    cards.isPrivileged = false;
    expect(raiseChannels(cards, ['few'], 4).lines).toEqual([
      'few: the number of queues stays as it is: setChannels: Operation not permitted',
    ]);
    expect(cards.now()).toEqual({ few: 1 });
  });

  it('are set back as far as their card is still there', () => {
    const cards = new Cards({ few: [1, 8], gone: [1, 8] });
    const raised = raiseChannels(cards, ['gone', 'few'], 4);
    cards.counts.delete('gone');
    raised.restore();
    expect(cards.now()).toEqual({ few: 1 });
  });

  it.skipIf(!existsSync('/sys/class/net/lo'))('are none of a device without them, as the kernel says', () => {
    expect(loadNetAddon().channels('lo')).toBeNull();
    expect(() => loadNetAddon().channels('no-such-card')).toThrow('No such device');
  });
});
