// How often sessions ended, from BIRD's log: its client shows only how they stand. Pure.
//
// With `debug { states }` each protocol says what becomes of it, with `debug { events }` BFD names both states of a change.

import type { RouterFlaps } from './router.ts';

export interface BirdNeighbour {
  readonly address: string;
  readonly protocol: string;
}

export function flapsIn(log: string, neighbours: readonly BirdNeighbour[]): readonly RouterFlaps[] {
  const states = [...log.matchAll(/<TRACE> (\S+): State changed to (\w+)$/gm)];
  const lost = [...log.matchAll(/<TRACE> \S+: Session to (\S+) changed state from Up to /gm)];
  return neighbours.map(({ address, protocol }) => {
    const own = states.filter(([, name]) => name === protocol).map(([, , state]) => state);
    return {
      address,
      bgp: own.filter((state, i) => state !== 'up' && own[i - 1] === 'up').length,
      bfd: lost.filter(([, peer]) => peer === address).length,
    };
  });
}
