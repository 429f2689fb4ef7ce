// The faults of the failover bench: how each is brought about and ended, what it has to take out of the router's routes,
// and how soon (docs/bgp.md).

import { heal, silentLoss, stuckWorker } from '../deploy/lab/faults.ts';
import type { Lab } from '../deploy/lab/lab.ts';
import type { LabVip } from '../deploy/lab/topology.ts';
import { bfdTimes, holdTimeSec } from './failover-documents.ts';

export interface Fault {
  readonly name: string;
  /** Seconds; absent where nothing is promised but that no request is lost. */
  readonly limitSec?: number;
  readonly lostLimit?: number;
  readonly bfd: boolean;
  /** Whose route goes, and how many balancers stay in it. */
  readonly vip: (lab: Lab) => LabVip;
  readonly stay: (lab: Lab) => number;
  /**
   * Brings it about; resolves with the moment from which it counts (performance.now()), and what ends it and returns once
   * everything that it stopped has been started again.
   */
  readonly cause: (lab: Lab) => Promise<{ readonly atMs: number; readonly end: () => Promise<void> }>;
}

function victim(lab: Lab) {
  const last = lab.balancers.at(-1);
  if (last === undefined) throw new Error('a lab without a balancer');
  return last;
}

const globex = (lab: Lab) => lab.topology.vips.globex;
const others = (lab: Lab) => lab.balancers.length - 1;
/** The command that drops packets is a part of the fault: counted from its start, so that it never flatters. */
const cut: Fault['cause'] = async (lab) => {
  const { node } = victim(lab);
  const atMs = performance.now();
  await silentLoss(lab.topology, node);
  return { atMs, end: async () => await heal(lab.topology, node) };
};

export const faults: readonly Fault[] = [
  {
    name: 'SIGTERM',
    lostLimit: 0,
    bfd: false,
    vip: globex,
    stay: others,
    async cause(lab) {
      const daemon = victim(lab);
      const atMs = performance.now();
      daemon.signal('SIGTERM');
      return {
        atMs,
        end: async () => {
          await daemon.stop();
          await daemon.start();
        },
      };
    },
  },
  {
    name: 'SIGKILL',
    limitSec: 0.3,
    bfd: false,
    vip: globex,
    stay: others,
    async cause(lab) {
      const daemon = victim(lab);
      const atMs = performance.now();
      daemon.signal('SIGKILL');
      return { atMs, end: async () => await daemon.start() };
    },
  },
  {
    name: `link cut, BFD ${bfdTimes.multiplier} x ${bfdTimes.intervalMs} ms`,
    limitSec: 0.5,
    bfd: true,
    vip: globex,
    stay: others,
    cause: cut,
  },
  { name: `link cut, hold time ${holdTimeSec} s`, limitSec: 9.5, bfd: false, vip: globex, stay: others, cause: cut },
  {
    name: 'packet path stuck',
    limitSec: 2,
    bfd: false,
    vip: globex,
    stay: others,
    async cause(lab) {
      const end = await stuckWorker(victim(lab).pid());
      return { atMs: performance.now(), end };
    },
  },
  {
    name: 'last backend down, tcp 3 x 300 ms',
    limitSec: 1.5,
    bfd: false,
    vip: (lab) => lab.topology.vips.acme,
    stay: () => 0,
    async cause(lab) {
      const backend = lab.backends.at(-1);
      const atMs = performance.now();
      await backend?.killProxy();
      return { atMs, end: async () => await backend?.startProxy() };
    },
  },
];
