// The test's end of packet-node.ts: starts it in the balancer's namespace, asks, waits for the answer.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DeviceSpec } from '../../../src/dataplane/addon.ts';
import type { Desired } from '../../../src/model/desired.ts';
import { type DesiredWords, desiredOf } from '../../support/desired.ts';
import { bed, start } from './packet-bed.ts';
import type { Answer, Request, Totals } from './packet-node.ts';

const program = fileURLToPath(new URL('../../../dist/test/integration/support/packet-node.js', import.meta.url));

/** One VIP, one backend behind the device "back"; pool "web6" has the same by IPv6. */
export function bedDesired(vips: DesiredWords['vips'] = [`${bed.vip}:80/tcp`]): Desired {
  const pools6 = vips.some((vip) => typeof vip !== 'string' && vip.pool === 'web6') ? { web6: [bed.backend6] } : {};
  const desired = desiredOf({
    vips,
    pools: { web: [bed.backend], ...pools6 },
    nodeAddress: bed.node,
    nodeAddress6: bed.node6,
  });
  const devices = [
    { name: 'front', mac: bed.frontMac, mtuBytes: 1500 },
    { name: 'back', mac: bed.backMac, mtuBytes: 1500 },
  ];
  const nextHop = { kind: 'resolved', device: 'back', mac: bed.backendMac, mtuBytes: 1500 } as const;
  const pools = desired.pools.map((pool) => ({ ...pool, backends: pool.backends.map((each) => ({ ...each, nextHop })) }));
  return { ...desired, node: { ...desired.node, devices }, pools };
}

/** `+busy`: with busy polling; `+clsact`: as on a kernel without tcx. */
export type NodeEngine = DeviceSpec['engine'] | 'af_xdp+busy' | 'af_packet+clsact';

export class PacketNode {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** `wrap` goes before node, e.g. to drop privileges. Rejects with the code and message of a refused start. */
  static async start(
    options: {
      workers?: number;
      cores?: readonly number[];
      engine?: NodeEngine;
      devices?: readonly string[];
      wrap?: readonly string[];
    } = {},
  ): Promise<PacketNode> {
    const { workers = 1, cores, engine = 'af_packet', devices = ['front', 'back'], wrap = [] } = options;
    const child = start(
      'balancer',
      [...wrap, process.execPath, program, `${workers}${cores === undefined ? '' : `@${cores.join()}`}`, engine, ...devices],
      'ipc',
    );
    const node = new PacketNode(child);
    await node.#answer();
    return node;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async load(desired: Desired = bedDesired(), { isUnsettled = false } = {}): Promise<void> {
    await this.#ask({ kind: 'load', desired, isUnsettled });
  }

  async totals(): Promise<Totals> {
    const answer = await this.#ask({ kind: 'totals' });
    if (answer.kind !== 'totals') throw new Error(`expected totals, got ${answer.kind}`);
    return answer.totals;
  }

  /** The first totals that are as wanted. */
  async until(isWanted: (totals: Totals) => boolean): Promise<Totals> {
    const deadline = performance.now() + 5000;
    for (;;) {
      const totals = await this.totals();
      if (isWanted(totals)) return totals;
      if (performance.now() > deadline) throw new Error(`not within 5 s; last: ${JSON.stringify(totals)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async kill(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.send({ kind: 'stop' } satisfies Request);
    await exited;
  }

  async #ask(request: Request): Promise<Answer> {
    this.#child.send(request);
    return await this.#answer();
  }

  async #answer(): Promise<Answer> {
    const [answer] = (await once(this.#child, 'message')) as [Answer];
    if (answer.kind === 'failed') throw new Error(`${answer.code}: ${answer.message}`);
    return answer;
  }
}
