// Routes in the router's kernel, which is what packets meet: asked of the kernel and not of the daemon.
//
// Changes arrive as rtnetlink events (`ip monitor`), so waiting costs no polling and times are true.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { ToriiError } from '../../../src/errors.ts';
import { environment, inNamespace, run } from '../shell.ts';
import { isIpv6 } from './router.ts';

/** Where resilient-mirror.ts has its routes; asked before the main table. */
export const resilientTable = 100;

/** A next hop as `ip -j route` has it. */
export interface HopRow {
  readonly dev?: string;
  readonly gateway?: string;
  /** Instead of a gateway, where its family is not the route's. */
  readonly via?: { readonly host: string };
}

interface RouteRow extends HopRow {
  readonly nexthops?: readonly HopRow[];
}

/** "203.0.113.10/32" of an address; a prefix stays as it is. */
function prefixOf(text: string): string {
  if (text.includes('/')) return text;
  return `${text}/${isIpv6(text) ? 128 : 32}`;
}

/** Next hops the kernel of `namespace` has for exactly this route (an address or a prefix), sorted. */
export async function nextHops(namespace: string, route: string, table: number | 'main' = 'main'): Promise<readonly string[]> {
  const family = isIpv6(route) ? '-6' : '-4';
  const text = await run(['ip', family, '-j', 'route', 'show', 'table', `${table}`, prefixOf(route)], { namespace });
  const rows = JSON.parse(text || '[]') as readonly RouteRow[];
  return rows
    .flatMap((row) => [row, ...(row.nexthops ?? [])])
    .map(({ gateway, via }) => gateway ?? via?.host)
    .filter((hop) => hop !== undefined)
    .toSorted();
}

/** How many routes inside `prefix` the kernel of `namespace` has. */
export async function countRoutes(namespace: string, prefix: string): Promise<number> {
  const family = isIpv6(prefix) ? '-6' : '-4';
  const text = await run(['ip', family, '-o', 'route', 'show', 'root', prefix], { namespace });
  return text.split('\n').filter(Boolean).length;
}

/** Follows every change of routes in one namespace, from the moment at which `start` resolves. */
export class RouteWatch {
  readonly #namespace: string;
  readonly #monitor: ChildProcessByStdio<null, Readable, null>;
  readonly #lines: Interface;
  readonly #waiting = new Set<() => void>();
  /** When the latest event came, by performance.now(). */
  #latestMs = performance.now();

  private constructor(namespace: string, monitor: ChildProcessByStdio<null, Readable, null>) {
    this.#namespace = namespace;
    this.#monitor = monitor;
    this.#lines = createInterface({ input: monitor.stdout });
    this.#lines.on('line', () => {
      this.#latestMs = performance.now();
      for (const wake of this.#waiting) wake();
    });
  }

  static async start(namespace: string): Promise<RouteWatch> {
    const [program = '', ...args] = inNamespace(namespace, ['ip', '-o', 'monitor', 'route']);
    const monitor = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], env: environment });
    await once(monitor, 'spawn');
    const watch = new RouteWatch(namespace, monitor);
    await watch.#untilListening();
    return watch;
  }

  /**
   * Resolves as soon as `holds` does, judged anew after each event, with the time (performance.now()) of the latest event
   * by then; rejects with `otherwise` at the deadline.
   */
  async until(holds: () => Promise<boolean>, timeoutMs: number, otherwise: () => string): Promise<number> {
    /** It did not hold then. */
    let falseMs = performance.now();
    const deadlineMs = falseMs + timeoutMs;
    const stop = new AbortController();
    let wake = () => {};
    const wakeLatest = () => wake();
    this.#waiting.add(wakeLatest);
    try {
      for (;;) {
        // The event only says "look again": what it shows may be one half of a replace.
        const event = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const lookMs = performance.now();
        if (await holds()) return this.#latestMs > falseMs ? this.#latestMs : performance.now();
        falseMs = lookMs;
        const leftMs = deadlineMs - performance.now();
        if (leftMs <= 0) throw new ToriiError('internal', `${otherwise()} within ${timeoutMs / 1000} s`);
        // A burst of events may overrun the monitor's socket; a slow look-again finds what it lost.
        await Promise.race([event, delay(Math.min(leftMs, 250), undefined, { signal: stop.signal }).catch(() => {})]);
      }
    } finally {
      this.#waiting.delete(wakeLatest);
      stop.abort();
    }
  }

  /** Resolves when the kernel has exactly `count` next hops for the route: with the time of that, and the next hops. */
  async nextHops(
    route: string,
    count: number,
    timeoutMs: number,
  ): Promise<{ readonly atMs: number; readonly hops: readonly string[] }> {
    let hops: readonly string[] = [];
    const look = async () => {
      hops = await nextHops(this.#namespace, route);
      return hops.length === count;
    };
    const otherwise = () => `next hops for ${route}: expected ${count}, got ${hops.join(', ') || 'none'}`;
    const atMs = await this.until(look, timeoutMs, otherwise);
    return { atMs, hops };
  }

  stop(): void {
    this.#lines.close();
    this.#monitor.kill('SIGKILL');
  }

  /** Routes of our own, until one of them shows. */
  async #untilListening(): Promise<void> {
    // Several may watch one namespace: each has a metric of its own.
    const mark = ['blackhole', '192.0.2.255/32', 'proto', '249', 'metric', `${randomInt(1, 2 ** 31)}`];
    const heard = once(this.#lines, 'line');
    for (let tries = 0; tries < 100 && this.#monitor.exitCode === null; tries++) {
      await run(['ip', 'route', 'replace', ...mark], { namespace: this.#namespace });
      await run(['ip', 'route', 'del', ...mark], { namespace: this.#namespace });
      const line = await Promise.race([heard, delay(50)]);
      if (line !== undefined) return;
    }
    throw new ToriiError('internal', `ip monitor in ${this.#namespace}: expected a route's event, got none`);
  }
}

export interface NextHopWait {
  readonly namespace: string;
  /** An address or a prefix. */
  readonly route: string;
  readonly count: number;
  readonly timeoutMs: number;
}

/** Resolves with the next hops as soon as the kernel has exactly `count`; rejects with what it had at the deadline. */
export async function waitForNextHops({ namespace, route, count, timeoutMs }: NextHopWait): Promise<readonly string[]> {
  const watch = await RouteWatch.start(namespace);
  try {
    return (await watch.nextHops(route, count, timeoutMs)).hops;
  } finally {
    watch.stop();
  }
}

/** Routes and nexthop objects that a killed daemon leaves in the kernel would count as next hops of the next one. */
export async function flushRoutes(namespace: string): Promise<void> {
  for (const family of ['-4', '-6']) {
    for (const owner of ['bgp', 'bird']) await run(['ip', family, 'route', 'flush', 'proto', owner], { namespace });
  }
  await run(['ip', 'nexthop', 'flush'], { namespace });
}
