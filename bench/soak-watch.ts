// What became of the sessions during a soak, by both ends' own word: flaps by the balancers' API and the router's counters, and
// from the balancers' log which end it was that heard nothing.

import { readFileSync } from 'node:fs';
import type { Lab } from '../deploy/lab/lab.ts';
import { logFile } from '../deploy/lab/processes.ts';

export interface Flaps {
  readonly ours: { readonly bgp: number; readonly bfd: number };
  readonly router: { readonly bgp: number; readonly bfd: number };
}

/** Why a session was lost, as a line of a balancer's log has it. */
export interface Loss {
  readonly node: string;
  readonly at: string;
  readonly peer: string;
  readonly text: string;
}

/** Since the programs' start. */
export async function flapsSoFar(lab: Lab): Promise<Flaps> {
  const peers = (await Promise.all(lab.balancers.map(async (balancer) => await balancer.read('peers')))).flat();
  const router = await lab.router.flaps();
  return {
    ours: { bgp: sum(peers.map(({ flaps }) => flaps)), bfd: sum(peers.map(({ bfd }) => bfd?.flaps ?? 0)) },
    router: { bgp: sum(router.map(({ bgp }) => bgp)), bfd: sum(router.map(({ bfd }) => bfd)) },
  };
}

export function flapsBetween(before: Flaps, after: Flaps): Flaps {
  const less = (side: keyof Flaps) => ({
    bgp: after[side].bgp - before[side].bgp,
    bfd: after[side].bfd - before[side].bfd,
  });
  return { ours: less('ours'), router: less('router') };
}

export function lossesSince(lab: Lab, sinceMs: number): readonly Loss[] {
  return lab.balancers.flatMap(({ id }) =>
    lossesIn(readFileSync(logFile(lab.ledger, id), 'utf8'))
      .filter(({ at }) => Date.parse(at) >= sinceMs)
      .map((loss) => ({ node: id, ...loss })),
  );
}

interface LogLine {
  readonly time?: string;
  readonly msg?: string;
  readonly peer?: string;
}

export function lossesIn(log: string): readonly Omit<Loss, 'node'>[] {
  return log
    .split('\n')
    .filter((text) => /BFD down|session lost/.test(text))
    .map((text) => JSON.parse(text) as LogLine)
    .map(({ time = '', msg = '', peer = '' }) => ({ at: time, peer, text: msg }));
}

/** This end heard nothing for the detection time. */
export function isOurDetection({ text }: Pick<Loss, 'text'>): boolean {
  return text.startsWith('BFD down: control detection time expired');
}

/** The router said so: it had heard nothing from here. */
export function isRoutersDetection({ text }: Pick<Loss, 'text'>): boolean {
  return text.startsWith('BFD down: neighbor signaled session down');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}
