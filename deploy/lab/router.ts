// The edge router's seam: what the lab asks of BIRD, FRR and others, and what it reads from the kernel beneath them.
//
// A router is told its neighbours, runs in the router namespace and puts multipath routes into that namespace's
// kernel. Whether a route is there is asked of the kernel and not of the daemon, because the kernel is what packets
// meet; changes arrive as rtnetlink events (`ip monitor`), so waiting costs no polling and times are true.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { ToriiError } from '../../src/errors.ts';
import { environment, inNamespace, run } from './shell.ts';
import type { RouterKind } from './topology.ts';

export interface RouterNeighbour {
  readonly address: string;
  readonly state: string;
  readonly established: boolean;
}

export interface RouterState {
  readonly kind: RouterKind;
  readonly running: boolean;
  readonly neighbours: readonly RouterNeighbour[];
}

export interface Router {
  readonly kind: RouterKind;
  /** Returns once the daemon accepts sessions. */
  start(): Promise<void>;
  /** Stops it and clears what it leaves behind: routes in the kernel, nexthop objects, run directories. */
  stop(): Promise<void>;
  state(): Promise<RouterState>;
}

/** Next hops the kernel of `namespace` has for a host route, sorted. */
export async function nextHops(namespace: string, address: string): Promise<readonly string[]> {
  const routes = JSON.parse((await run(['ip', '-j', 'route', 'show', `${address}/32`], { namespace })) || '[]') as readonly {
    readonly gateway?: string;
    readonly nexthops?: readonly { readonly gateway?: string }[];
  }[];
  return routes
    .flatMap((route) => [route.gateway, ...(route.nexthops ?? []).map((hop) => hop.gateway)])
    .filter((gateway) => gateway !== undefined)
    .toSorted();
}

export interface NextHopWait {
  readonly namespace: string;
  readonly address: string;
  readonly count: number;
  readonly timeoutMs: number;
}

/** Resolves with the next hops as soon as the kernel has exactly `count`; rejects with what it had at the deadline. */
export async function waitForNextHops({ namespace, address, count, timeoutMs }: NextHopWait): Promise<readonly string[]> {
  const [program = '', ...args] = inNamespace(namespace, ['ip', '-o', 'monitor', 'route']);
  const monitor = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], env: environment });
  const stop = new AbortController();
  try {
    await new Promise<void>((resolve, reject) => {
      monitor.once('spawn', resolve);
      monitor.once('error', reject);
    });
    const lines = createInterface({ input: monitor.stdout });
    let wake = () => {};
    lines.on('line', () => wake());
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      // The event only says "look again": what it shows may be one half of a replace.
      const event = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const found = await nextHops(namespace, address);
      if (found.length === count) return found;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        const list = found.length === 0 ? 'none' : found.join(', ');
        throw new ToriiError('internal', `next hops for ${address}: expected ${count} within ${timeoutMs / 1000} s, got ${list}`);
      }
      // The first look may race with the monitor's own start; a slow look-again closes that gap.
      await Promise.race([event, delay(Math.min(leftMs, 250), undefined, { signal: stop.signal }).catch(() => {})]);
    }
  } finally {
    stop.abort();
    monitor.kill('SIGKILL');
  }
}

/** Routes and nexthop objects that a killed daemon leaves in the kernel would count as next hops of the next one. */
export async function flushRoutes(namespace: string): Promise<void> {
  await run(['ip', 'route', 'flush', 'proto', 'bgp'], { namespace });
  await run(['ip', 'route', 'flush', 'proto', 'bird'], { namespace });
  await run(['ip', 'nexthop', 'flush'], { namespace });
}
