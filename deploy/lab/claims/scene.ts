// The scene on which claims are checked: a lab that is up, and four streams of real requests that never pause.
//
// Two tenants, each with new connections (does a newcomer get through?) and long-lived ones (does anything break what
// is there?). A claim looks at a window of time: what began in it, judged once all of it has ended.

import type { BackendView, TenantView } from '../../../src/model/views.ts';
import { callApi } from '../api-client.ts';
import type { LabBackend } from '../backend.ts';
import type { LabBalancer } from '../balancer.ts';
import type { Lab } from '../lab.ts';
import type { RequestResult } from '../traffic/messages.ts';
import { startedBetween } from '../traffic/summary.ts';
import { Traffic } from '../traffic/traffic.ts';
import { until } from '../until.ts';

export type StreamName = 'acmeNew' | 'acmeKept' | 'globexNew' | 'globexKept';

/** A request limit beyond the first SYN's repetition (1 s) and the second's (3 s), so that slow is told from failed. */
const timeoutMs = 4_000;
const kept = { acme: 12, globex: 24 } as const;
const warmUpMs = 15_000;

export class Scene {
  readonly lab: Lab;
  readonly streams: Readonly<Record<StreamName, Traffic>>;

  private constructor(lab: Lab) {
    this.lab = lab;
    const { acme, globex } = lab.topology.vips;
    const start = (vip: typeof acme, mode: Parameters<typeof Traffic.start>[1]['mode']) =>
      Traffic.start(lab, { vip, mode, timeoutMs, durationMs: 180_000 });
    this.streams = {
      acmeNew: start(acme, { kind: 'fresh', perSec: 50 }),
      acmeKept: start(acme, { kind: 'kept', connections: kept.acme, everyMs: 150 }),
      globexNew: start(globex, { kind: 'fresh', perSec: 50 }),
      globexKept: start(globex, { kind: 'kept', connections: kept.globex, everyMs: 150 }),
    };
  }

  /** Returns once all streams flow, every long-lived connection among them: what went before was their own start-up. */
  static async start(lab: Lab): Promise<Scene> {
    const scene = new Scene(lab);
    const { acmeNew, acmeKept, globexNew, globexKept } = scene.streams;
    const connections = (results: readonly RequestResult[]) => new Set(results.map(({ connection }) => connection)).size;
    await Promise.all([
      acmeNew.until((results) => results.length > 0, 'the first answer for acme', warmUpMs),
      globexNew.until((results) => results.length > 0, 'the first answer for globex', warmUpMs),
      acmeKept.until((results) => connections(results) >= kept.acme, 'all connections of acme', warmUpMs),
      globexKept.until((results) => connections(results) >= kept.globex, 'all connections of globex', warmUpMs),
    ]);
    return scene;
  }

  get balancers(): readonly LabBalancer[] {
    return this.lab.balancers.filter((balancer) => balancer.isAlive());
  }

  /** Results of the named streams (all, if none is named), in no particular order. */
  results(...names: readonly StreamName[]): readonly RequestResult[] {
    const streams = names.length === 0 ? Object.values(this.streams) : names.map((name) => this.streams[name]);
    return streams.flatMap((stream) => stream.results);
  }

  /** All requests that began in [fromMs, toMs), once every one of them has ended. */
  async window(fromMs: number, toMs: number): Promise<readonly RequestResult[]> {
    await this.settled(toMs);
    return startedBetween(this.results(), fromMs, toMs);
  }

  async settled(timeMs: number): Promise<void> {
    await Promise.all(Object.values(this.streams).map((stream) => stream.settled(timeMs)));
  }

  async stop(): Promise<void> {
    await Promise.all(Object.values(this.streams).map((stream) => stream.stop()));
  }

  /** Says the operator's word about a backend on every balancer, in every pool that has it; null takes it back. */
  async setState(backend: LabBackend, state: 'draining' | null): Promise<void> {
    const pools = Object.values(this.lab.topology.vips).map(({ pool }) => pool);
    const targets = pools.map((pool) => encodeURIComponent(`${pool}/${backend.node.address}`));
    for (const { socket } of this.balancers) {
      for (const target of targets) {
        await callApi({ socket, path: `/v1/backends/${target}`, method: 'PATCH', body: { state, why: 'lab' } });
      }
    }
  }

  /** Waits until every live balancer shows this backend so, in every pool. */
  async untilBackend(backend: LabBackend, holds: (view: BackendView) => boolean, what: string, limitMs: number): Promise<void> {
    const isSo = async (balancer: LabBalancer) => {
      const views = (await balancer.read('backends')).filter(({ address }) => address === backend.node.address);
      return views.length > 0 && views.every(holds);
    };
    await until(async () => (await Promise.all(this.balancers.map(isSo))).every(Boolean), {
      what: `every balancer to see ${backend.id} ${what}`,
      timeoutMs: limitMs,
    });
  }

  /** New flows that each live balancer has steered so far. */
  async newFlows(): Promise<Readonly<Record<string, number>>> {
    const counts = this.balancers.map(async (balancer) => {
      const vips = await balancer.read('vips');
      return [balancer.id, vips.reduce((sum, vip) => sum + vip.traffic.newFlows, 0)] as const;
    });
    return Object.fromEntries(await Promise.all(counts));
  }

  /** The tenant as all live balancers together see it. */
  async tenant(name: string): Promise<{ readonly admitted: number; readonly limited: number }> {
    const views = await Promise.all(this.balancers.map((balancer) => balancer.read('tenants')));
    const rows = views.flat().filter((view: TenantView) => view.tenant === name);
    const sum = (key: 'admitted' | 'limited') => rows.reduce((total, row) => total + row[key], 0);
    return { admitted: sum('admitted'), limited: sum('limited') };
  }
}
