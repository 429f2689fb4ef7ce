// What a conformance case runs on: the lab's network with one router and two speakers, and waits in the words of routes.
//
// Each trial gets a bed of its own, so that no case meets what another left in a router.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LabDocuments, storyDocuments } from '../../deploy/lab/documents.ts';
import { Lab } from '../../deploy/lab/lab.ts';
import { countRoutes, waitForNextHops } from '../../deploy/lab/routers/kernel-routes.ts';
import type { Family, Router, RouterPlan, RouterRoute } from '../../deploy/lab/routers/router.ts';
import { planTopology, type Topology } from '../../deploy/lab/topology.ts';
import { until } from '../../deploy/lab/until.ts';
import { addressOf, type Trial } from './case.ts';
import { Speaker } from './speaker.ts';

/** A session over lost SYNs and a router that takes its time; a case that needs less says so by what it waits for. */
const patienceMs = 60_000;

export class Bed {
  readonly lab: Lab;
  readonly family: Family;
  readonly speakers: readonly [Speaker, Speaker];

  private constructor(lab: Lab, family: Family, speakers: readonly [Speaker, Speaker]) {
    this.lab = lab;
    this.family = family;
    this.speakers = speakers;
  }

  static async build(name: string, { router, family, test }: Trial): Promise<Bed> {
    const options = { name, router, balancers: 2, backends: 1 };
    const speakers: Speaker[] = [];
    const documents: LabDocuments = {
      ...storyDocuments,
      balancer: (_topology, node) => speakers.find((speaker) => speaker.node.id === node.id)?.document() ?? {},
    };
    const lab = await Lab.build(options, { plan: routerPlan(planTopology(options), family, test.plan), documents });
    const passwordFile = (password: string) => {
      const file = join(lab.topology.directory, `${password}.key`);
      writeFileSync(file, `${password}\n`, { mode: 0o600 });
      return file;
    };
    for (const [i, daemon] of lab.balancers.entries()) {
      const { drainSec = 0, isExabgp = false } = test;
      const isInternal = test.plan?.peers?.isInternal === true;
      const params = { topology: lab.topology, daemon, family, drainSec, isExabgp, isInternal, passwordFile };
      speakers.push(new Speaker({ ...params, write: () => lab.writeDocuments() }, test.peer?.(i)));
    }
    const [first, second] = speakers;
    if (first === undefined || second === undefined) throw new Error('a bed without two speakers');
    return new Bed(lab, family, [first, second]);
  }

  get router(): Router {
    return this.lab.router;
  }

  /** VIPs of the bed's family, 1 to 255. */
  vip(number: number): string {
    return this.family === 4 ? `203.0.113.${number}` : `2001:db8:cafe::${number.toString(16)}`;
  }

  prefix(number: number): string {
    return `${this.vip(number)}/${this.family === 4 ? 32 : 128}`;
  }

  /** Starts both, announcing these VIPs. */
  async start(...vips: readonly string[]): Promise<void> {
    for (const speaker of this.speakers) speaker.announce(...vips);
    await Promise.all(this.speakers.map(async ({ daemon }) => await daemon.start()));
  }

  /** Waits until exactly these speakers are next hops of the VIP in the router's kernel. */
  async routed(vip: string, ...speakers: readonly Speaker[]): Promise<void> {
    await this.routedVia(
      vip,
      speakers.map(({ address }) => address),
    );
  }

  /** Waits until the VIP's next hops in the router's kernel are exactly these. */
  async routedVia(vip: string, hops: readonly string[]): Promise<void> {
    const namespace = this.lab.topology.namespaces.router;
    const wanted = hops.toSorted();
    const found = await waitForNextHops({ namespace, route: vip, count: wanted.length, timeoutMs: patienceMs });
    if (found.join() !== wanted.join()) {
      throw new Error(`next hops for ${vip}: expected ${wanted.join(', ') || 'none'}, got ${found.join(', ')}`);
    }
  }

  /** Waits until the router's kernel has so many routes inside the prefix. */
  async routeCount(prefix: string, count: number): Promise<void> {
    const namespace = this.lab.topology.namespaces.router;
    let found = 0;
    const look = async () => {
      found = await countRoutes(namespace, prefix);
      return found === count;
    };
    await until(look, { what: `${count} routes`, timeoutMs: patienceMs, everyMs: 100 }).catch((cause: unknown) => {
      throw new Error(`routes inside ${prefix}: expected ${count}, got ${found}`, { cause });
    });
  }

  /** What the router has of a VIP from this speaker, once it fits. */
  async received(vip: string, from: Speaker, fits: (route: RouterRoute) => boolean): Promise<RouterRoute> {
    let found: readonly RouterRoute[] = [];
    const look = async () => {
      found = await this.router.routes(vip.includes('/') ? vip : `${vip}/${this.family === 4 ? 32 : 128}`);
      return found.find((route) => route.nextHop === from.address && fits(route));
    };
    try {
      return await until(look, { what: 'the route', timeoutMs: patienceMs, everyMs: 100 });
    } catch (cause) {
      throw new Error(`the router's routes to ${vip}: got ${JSON.stringify(found)}`, { cause });
    }
  }

  /** The router's own word: established with this speaker or not. */
  async isEstablished(speaker: Speaker): Promise<boolean> {
    const { neighbours } = await this.router.state();
    return neighbours.some(({ address, established }) => address === speaker.address && established);
  }
}

function routerPlan(topology: Topology, family: Family, plan: Trial['test']['plan'] = {}): Partial<RouterPlan> {
  const { peers, ...rest } = plan;
  if (peers === undefined) return rest;
  return { ...rest, peers: topology.balancers.map((node) => ({ address: addressOf(node, family), ...peers })) };
}
