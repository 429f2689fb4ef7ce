// Follows where the packets for each backend go: the kernel's routes, links and neighbours, kept resolved while in use.
//
// The kernel does not see the engine's traffic, so its entries would age out: they are probed again every 15 s while
// stale, every second while unanswered. News is looked at every 20 ms, and every 50 ms after two seconds without any;
// lookups go in slices, so that 10,000 backends never hold the thread for more than a few milliseconds. A neighbour that
// the kernel forgets keeps its last word for up to 3 s, so that no flow moves because a table was cleaned. Runs in
// whichever thread constructs it.

import type { NextHop } from '../model/backend.ts';
import type { Link, Neighbour, NetAddon, Route } from '../net.ts';
import { decideNextHop, isUsable, neighbourOf, nud, sameNextHop, type Target } from './next-hop.ts';

const pollMs = 20;
const calmPollMs = 50;
const calmAfterMs = 2_000;
const sliceSize = 128;
const sliceGapMs = 1;
const usualReprobeMs = 15_000;
const retryMs = 1_000;
const patienceMs = 3_000;
const recheckRoutesMs = 30_000;

export interface ObservedLink {
  readonly mac: string;
  readonly mtuBytes: number;
  readonly isUp: boolean;
}

export interface NeighbourChanges {
  readonly nextHops: readonly (readonly [address: string, hop: NextHop])[];
  readonly devices: readonly (readonly [name: string, device: ObservedLink])[];
}

export interface NeighboursOptions {
  readonly net: Pick<NetAddon, 'links' | 'neighbours' | 'routes' | 'news' | 'probe'>;
  /** node.devices of the document. */
  readonly devices: readonly string[];
  /** What became known or different, at most once a poll. A backend is first reported when something is certain. */
  readonly onChanged: (changes: NeighbourChanges) => void;
  /** The kernel refused an answer; everything is looked up again at the next poll. */
  readonly onError: (error: unknown) => void;
  /** How long a neighbour in use may be stale before it is asked [15 s]. */
  readonly reprobeMs?: number;
}

interface Followed {
  readonly address: string;
  route: Route | undefined;
  target: LiveTarget | undefined;
  hop: NextHop | undefined;
}

interface LiveTarget extends Target {
  mac: string | null;
  phase: Target['phase'];
  state: number;
  pendingUntilMs: number;
  probeAtMs: number;
  readonly users: Set<Followed>;
}

export class Neighbours {
  readonly #options: NeighboursOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #targets = new Map<string, LiveTarget>();
  readonly #reported = new Map<string, ObservedLink>();
  readonly #changed = new Set<Followed>();
  readonly #unrouted = new Set<Followed>();
  #links = new Map<number, Link>();
  #needsAll = true;
  /** New neighbours are followed: what the kernel knew of them before is still to be read. */
  #needsNeighbours = false;
  #routesCheckedMs = performance.now();
  /** When the kernel had news last, or the caller. */
  #newsMs = performance.now();
  #timer: NodeJS.Timeout;

  constructor(options: NeighboursOptions) {
    this.#options = options;
    this.#timer = setTimeout(() => this.#poll(), 0);
  }

  /** The backends to follow; replaces the list. Those that stay keep what is known of them. */
  follow(addresses: Iterable<string>): void {
    this.#newsMs = performance.now();
    const wanted = new Set(addresses);
    for (const followed of this.#followed.values()) {
      if (!wanted.has(followed.address)) this.#forget(followed);
    }
    for (const address of wanted) {
      if (this.#followed.has(address)) continue;
      const followed: Followed = { address, route: undefined, target: undefined, hop: undefined };
      this.#followed.set(address, followed);
      this.#unrouted.add(followed);
    }
    this.#schedule(0);
  }

  /** Undefined while nothing is known yet. */
  nextHop(address: string): NextHop | undefined {
    return this.#followed.get(address)?.hop;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#followed.clear();
    this.#targets.clear();
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#poll(), delayMs);
  }

  #poll(): void {
    const nowMs = performance.now();
    try {
      this.#takeNews(nowMs);
      this.#lookUpRoutes(nowMs);
      if (this.#needsNeighbours && this.#unrouted.size === 0) this.#takeAllNeighbours(nowMs);
      this.#tendTargets(nowMs);
    } catch (error) {
      this.#needsAll = true;
      this.#options.onError(error);
    }
    const isCalm = nowMs - this.#newsMs > calmAfterMs;
    this.#schedule(this.#unrouted.size > 0 && !this.#needsAll ? sliceGapMs : isCalm ? calmPollMs : pollMs);
    this.#report();
  }

  // ---- What the kernel says ----

  #takeNews(nowMs: number): void {
    const news = this.#options.net.news();
    const isAll = news.overrun || this.#needsAll;
    if (isAll || news.links || news.routes || news.neighbours.length > 0) this.#newsMs = nowMs;
    if (isAll || news.links) {
      this.#links = new Map(this.#options.net.links().map((link) => [link.ifindex, link]));
      for (const followed of this.#followed.values()) this.#changed.add(followed);
      // A link that came up has nobody's answer yet.
      for (const target of this.#targets.values()) if (target.phase !== 'good') target.probeAtMs = nowMs;
    }
    if (isAll || news.links || news.routes || nowMs - this.#routesCheckedMs >= recheckRoutesMs) {
      for (const followed of this.#followed.values()) this.#unrouted.add(followed);
      this.#routesCheckedMs = nowMs;
    }
    if (isAll) this.#takeAllNeighbours(nowMs);
    else for (const neighbour of news.neighbours) this.#takeNeighbour(neighbour, nowMs);
    this.#needsAll = false;
  }

  #takeAllNeighbours(nowMs: number): void {
    const missing = new Set(this.#targets.values());
    for (const neighbour of this.#options.net.neighbours()) {
      const target = this.#takeNeighbour(neighbour, nowMs);
      if (target) missing.delete(target);
    }
    for (const target of missing) this.#takeState(target, nud.none, null, nowMs);
    this.#needsNeighbours = false;
  }

  #takeNeighbour(neighbour: Neighbour, nowMs: number): LiveTarget | undefined {
    const target = this.#targets.get(targetKey(neighbour));
    if (target) this.#takeState(target, neighbour.state, neighbour.mac, nowMs);
    return target;
  }

  #takeState(target: LiveTarget, state: number, mac: string | null, nowMs: number): void {
    const before = target.phase;
    target.state = state;
    if (isUsable(state) && mac !== null) {
      if (target.phase === 'good' && target.mac === mac) return;
      target.phase = 'good';
      target.mac = mac;
    } else if (state === nud.failed) {
      target.phase = 'failed';
    } else if (before === 'good') {
      target.phase = 'pending';
      target.pendingUntilMs = nowMs + patienceMs;
      target.probeAtMs = nowMs;
    }
    for (const user of target.users) this.#changed.add(user);
  }

  // ---- Routes, a slice at a time ----

  #lookUpRoutes(nowMs: number): void {
    const slice: Followed[] = [];
    for (const followed of this.#unrouted) {
      if (slice.push(followed) === sliceSize) break;
    }
    if (slice.length === 0) return;
    const routes = this.#options.net.routes(slice.map(({ address }) => address));
    slice.forEach((followed, i) => {
      this.#unrouted.delete(followed);
      followed.route = routes[i];
      this.#aim(followed, nowMs);
      this.#changed.add(followed);
    });
  }

  /** Points a backend at the neighbour its route leads to. */
  #aim(followed: Followed, nowMs: number): void {
    const neighbour = neighbourOf(followed.address, followed.route);
    const key = neighbour && targetKey(neighbour);
    const target = key === undefined ? undefined : this.#targets.get(key);
    if (target !== undefined && target === followed.target) return;
    this.#release(followed);
    if (neighbour === undefined || key === undefined) return;
    this.#needsNeighbours ||= target === undefined;
    followed.target = target ?? {
      ...neighbour,
      mac: null,
      phase: 'pending',
      state: nud.none,
      pendingUntilMs: nowMs + patienceMs,
      probeAtMs: nowMs,
      users: new Set(),
    };
    followed.target.users.add(followed);
    this.#targets.set(key, followed.target);
  }

  #release(followed: Followed): void {
    const { target } = followed;
    if (target === undefined) return;
    followed.target = undefined;
    target.users.delete(followed);
    if (target.users.size === 0) this.#targets.delete(targetKey(target));
  }

  #forget(followed: Followed): void {
    this.#release(followed);
    this.#followed.delete(followed.address);
    this.#unrouted.delete(followed);
    this.#changed.delete(followed);
  }

  // ---- Probes ----

  #tendTargets(nowMs: number): void {
    const due: LiveTarget[] = [];
    for (const target of this.#targets.values()) {
      if (target.phase === 'pending' && nowMs >= target.pendingUntilMs) {
        target.phase = 'failed';
        for (const user of target.users) this.#changed.add(user);
      }
      if (due.length < sliceSize && nowMs >= target.probeAtMs && needsProbe(target)) due.push(target);
    }
    if (due.length === 0) return;
    const { reprobeMs = usualReprobeMs } = this.#options;
    for (const target of due) {
      // A quarter of the period is left to chance, so that they do not stay in step for ever.
      target.probeAtMs = nowMs + (target.phase === 'good' ? reprobeMs * (1 - Math.random() / 4) : retryMs);
    }
    this.#options.net.probe(due.map(({ ifindex, address }) => ({ ifindex, address })));
  }

  // ---- Reports ----

  #report(): void {
    const nextHops: [string, NextHop][] = [];
    const surroundings = { devices: this.#options.devices, links: this.#links };
    for (const followed of this.#changed) {
      const hop = decideNextHop(followed.address, followed.route, followed.target, surroundings);
      if (hop === undefined || (followed.hop !== undefined && sameNextHop(hop, followed.hop))) continue;
      followed.hop = hop;
      nextHops.push([followed.address, hop]);
    }
    this.#changed.clear();
    const devices = this.#changedDevices();
    if (nextHops.length > 0 || devices.length > 0) this.#options.onChanged({ nextHops, devices });
  }

  #changedDevices(): [string, ObservedLink][] {
    const byName = new Map([...this.#links.values()].map((link) => [link.name, link]));
    const changed: [string, ObservedLink][] = [];
    for (const name of this.#options.devices) {
      const before = this.#reported.get(name);
      const link = byName.get(name) ?? (before && { ...before, isUp: false });
      if (link === undefined) continue;
      const { mac, mtuBytes, isUp } = link;
      if (before?.mac === mac && before.mtuBytes === mtuBytes && before.isUp === isUp) continue;
      this.#reported.set(name, { mac, mtuBytes, isUp });
      changed.push([name, { mac, mtuBytes, isUp }]);
    }
    return changed;
  }
}

/** While the kernel is at it, or certain, it needs no nudge. */
function needsProbe({ state }: LiveTarget): boolean {
  return state === nud.none || state === nud.incomplete || state === nud.failed || state === nud.stale;
}

function targetKey({ ifindex, address }: { readonly ifindex: number; readonly address: string }): string {
  return `${ifindex} ${address}`;
}
