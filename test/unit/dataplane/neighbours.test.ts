import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type NeighbourChanges, Neighbours } from '../../../src/dataplane/neighbours.ts';
import { nud } from '../../../src/dataplane/next-hop.ts';
import type { Link, Neighbour, News, Route } from '../../../src/net.ts';
import { eth0 } from './links.ts';

/** A kernel of maps: what it knows, what it was asked to probe, and what it has to tell. */
class Kernel {
  linkList: Link[] = [eth0];
  table = new Map<string, Neighbour>();
  gateways = new Map<string, string>();
  probed: string[] = [];
  routeCalls: number[] = [];
  fails = false;
  #news: { links: boolean; routes: boolean; overrun: boolean; neighbours: Neighbour[] } = {
    links: false,
    routes: false,
    overrun: true,
    neighbours: [],
  };

  links() {
    return this.linkList;
  }

  neighbours() {
    return [...this.table.values()];
  }

  routes(addresses: readonly string[]): Route[] {
    if (this.fails) throw new Error('no answer');
    this.routeCalls.push(addresses.length);
    return addresses.map((address) => ({
      kind: 'unicast',
      ifindex: 2,
      gateway: this.gateways.get(address) ?? null,
      source: '10.0.0.2',
      mtuBytes: null,
    }));
  }

  news(): News {
    const news = this.#news;
    this.#news = { links: false, routes: false, overrun: false, neighbours: [] };
    return news;
  }

  probe(neighbours: readonly { ifindex: number; address: string }[]) {
    this.probed.push(...neighbours.map(({ address }) => address));
  }

  /** The state of a neighbour changes, and the kernel says so. */
  tell(address: string, state: number, mac: string | null = null) {
    const neighbour = { ifindex: 2, address, mac, state };
    if (state === nud.none) this.table.delete(address);
    else this.table.set(address, neighbour);
    this.#news.neighbours.push(neighbour);
  }

  tellRoutes() {
    this.#news.routes = true;
  }

  tellLinks(...links: Link[]) {
    this.linkList = links;
    this.#news.links = true;
  }

  loseNews() {
    this.#news = { links: false, routes: false, overrun: true, neighbours: [] };
  }
}

const mac1 = '02:00:00:00:02:01';
const mac2 = '02:00:00:00:02:02';

describe('Neighbours', () => {
  let kernel: Kernel;
  let neighbours: Neighbours;
  let changes: NeighbourChanges[];
  let errors: unknown[];

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    kernel = new Kernel();
    changes = [];
    errors = [];
    neighbours = new Neighbours({
      net: kernel,
      devices: ['eth0'],
      onChanged: (change) => changes.push(change),
      onError: (error) => errors.push(error),
    });
  });

  afterEach(() => {
    neighbours.close();
    vi.useRealTimers();
  });

  it('asks the kernel for a neighbour it does not know and reports it once it answers', () => {
    neighbours.follow(['10.0.2.1']);
    vi.advanceTimersByTime(100);
    expect(kernel.probed).toEqual(['10.0.2.1']);
    expect(neighbours.nextHop('10.0.2.1')).toBeUndefined();

    kernel.tell('10.0.2.1', nud.reachable, mac1);
    vi.advanceTimersByTime(50);
    expect(changes.at(-1)?.nextHops).toEqual([['10.0.2.1', { kind: 'resolved', device: 'eth0', mac: mac1, mtuBytes: 1500 }]]);
  });

  it('takes at once what the kernel knew before', () => {
    kernel.tell('10.0.2.1', nud.permanent, mac1);
    neighbours.follow(['10.0.2.1']);
    vi.advanceTimersByTime(10);
    expect(neighbours.nextHop('10.0.2.1')).toMatchObject({ kind: 'resolved', mac: mac1 });
    expect(kernel.probed).toEqual([]);
  });

  it('reports the devices of the document with MAC, MTU and link', () => {
    vi.advanceTimersByTime(10);
    expect(changes).toEqual([{ nextHops: [], devices: [['eth0', { mac: eth0.mac, mtuBytes: 1500, isUp: true }]] }]);
    kernel.tellLinks({ ...eth0, mtuBytes: 9000 });
    vi.advanceTimersByTime(50);
    expect(changes.at(-1)?.devices).toEqual([['eth0', { mac: eth0.mac, mtuBytes: 9000, isUp: true }]]);
    kernel.tellLinks();
    vi.advanceTimersByTime(50);
    expect(changes.at(-1)?.devices).toEqual([['eth0', { mac: eth0.mac, mtuBytes: 9000, isUp: false }]]);
  });

  it('says that a backend does not answer after three seconds, and goes on asking', () => {
    neighbours.follow(['10.0.2.1']);
    vi.advanceTimersByTime(3100);
    expect(changes.at(-1)?.nextHops).toEqual([
      ['10.0.2.1', { kind: 'unresolved', reason: '10.0.2.1 does not answer ARP on eth0' }],
    ]);
    const before = kernel.probed.length;
    vi.advanceTimersByTime(2100);
    expect(kernel.probed.length).toBe(before + 2);
  });

  it('probes a stale neighbour again while it is in use, and leaves a reachable one alone', () => {
    neighbours.follow(['10.0.2.1', '10.0.2.2']);
    kernel.tell('10.0.2.1', nud.stale, mac1);
    kernel.tell('10.0.2.2', nud.reachable, mac2);
    vi.advanceTimersByTime(60_000);
    expect(kernel.probed.filter((address) => address === '10.0.2.1').length).toBeGreaterThanOrEqual(4);
    expect(kernel.probed.filter((address) => address === '10.0.2.2').length).toBe(0);
  });

  it('keeps a forgotten neighbour for the moment it takes to ask again', () => {
    neighbours.follow(['10.0.2.1']);
    kernel.tell('10.0.2.1', nud.reachable, mac1);
    vi.advanceTimersByTime(100);
    changes.length = 0;
    kernel.tell('10.0.2.1', nud.none);
    vi.advanceTimersByTime(100);
    expect(kernel.probed).toEqual(['10.0.2.1']);
    kernel.tell('10.0.2.1', nud.reachable, mac1);
    vi.advanceTimersByTime(5000);
    expect(changes).toEqual([]);
  });

  it('gives a forgotten neighbour up when it does not come back', () => {
    neighbours.follow(['10.0.2.1']);
    kernel.tell('10.0.2.1', nud.reachable, mac1);
    vi.advanceTimersByTime(100);
    kernel.tell('10.0.2.1', nud.incomplete);
    vi.advanceTimersByTime(2900);
    expect(neighbours.nextHop('10.0.2.1')?.kind).toBe('resolved');
    vi.advanceTimersByTime(300);
    expect(neighbours.nextHop('10.0.2.1')?.kind).toBe('unresolved');
  });

  it('takes a failed probe, a new MAC and a lost link over with the next look', () => {
    neighbours.follow(['10.0.2.1']);
    kernel.tell('10.0.2.1', nud.reachable, mac1);
    vi.advanceTimersByTime(100);
    kernel.tell('10.0.2.1', nud.reachable, mac2);
    vi.advanceTimersByTime(50);
    expect(neighbours.nextHop('10.0.2.1')).toMatchObject({ mac: mac2 });
    kernel.tell('10.0.2.1', nud.failed);
    vi.advanceTimersByTime(50);
    expect(neighbours.nextHop('10.0.2.1')?.kind).toBe('unresolved');
    kernel.tell('10.0.2.1', nud.reachable, mac1);
    kernel.tellLinks({ ...eth0, isUp: false });
    vi.advanceTimersByTime(50);
    expect(neighbours.nextHop('10.0.2.1')).toEqual({ kind: 'unresolved', reason: 'eth0 is down' });
  });

  it('asks at once where a link has come up', () => {
    neighbours.follow(['10.0.2.1']);
    kernel.tellLinks({ ...eth0, isUp: false });
    kernel.tell('10.0.2.1', nud.failed);
    vi.advanceTimersByTime(1500);
    kernel.probed = [];
    kernel.tellLinks(eth0);
    vi.advanceTimersByTime(20);
    expect(kernel.probed).toEqual(['10.0.2.1']);
  });

  it('follows a route that moves to a gateway', () => {
    neighbours.follow(['10.0.2.1']);
    kernel.tell('10.0.2.1', nud.reachable, mac1);
    kernel.tell('10.0.0.1', nud.reachable, mac2);
    vi.advanceTimersByTime(100);
    kernel.gateways.set('10.0.2.1', '10.0.0.1');
    kernel.tellRoutes();
    vi.advanceTimersByTime(50);
    expect(neighbours.nextHop('10.0.2.1')).toMatchObject({ mac: mac2 });
  });

  it('asks once for a gateway that many backends share', () => {
    const backends = Array.from({ length: 50 }, (_, i) => `10.0.2.${i + 1}`);
    for (const backend of backends) kernel.gateways.set(backend, '10.0.0.1');
    neighbours.follow(backends);
    vi.advanceTimersByTime(100);
    expect(kernel.probed).toEqual(['10.0.0.1']);
    kernel.tell('10.0.0.1', nud.reachable, mac1);
    vi.advanceTimersByTime(50);
    expect(changes.at(-1)?.nextHops.length).toBe(50);
  });

  it('looks routes up in slices', () => {
    neighbours.follow(Array.from({ length: 1000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`));
    vi.advanceTimersByTime(50);
    expect(kernel.routeCalls).toEqual([128, 128, 128, 128, 128, 128, 128, 104]);
  });

  it('looks at everything again after it missed news', () => {
    neighbours.follow(['10.0.2.1']);
    kernel.tell('10.0.2.1', nud.reachable, mac1);
    vi.advanceTimersByTime(100);
    kernel.tell('10.0.2.1', nud.reachable, mac2);
    kernel.loseNews();
    vi.advanceTimersByTime(50);
    expect(neighbours.nextHop('10.0.2.1')).toMatchObject({ mac: mac2 });
  });

  it('forgets backends that are followed no more, and asks for them no more', () => {
    neighbours.follow(['10.0.2.1', '10.0.2.2']);
    vi.advanceTimersByTime(100);
    neighbours.follow(['10.0.2.2']);
    kernel.probed.length = 0;
    kernel.tell('10.0.2.1', nud.reachable, mac1);
    vi.advanceTimersByTime(2000);
    expect(neighbours.nextHop('10.0.2.1')).toBeUndefined();
    expect(new Set(kernel.probed)).toEqual(new Set(['10.0.2.2']));
  });

  it('reports an error of the kernel and tries again', () => {
    kernel.fails = true;
    neighbours.follow(['10.0.2.1']);
    vi.advanceTimersByTime(60);
    expect(errors.length).toBeGreaterThan(0);
    kernel.fails = false;
    kernel.tell('10.0.2.1', nud.reachable, mac1);
    vi.advanceTimersByTime(100);
    expect(neighbours.nextHop('10.0.2.1')?.kind).toBe('resolved');
  });
});
