// A balancer's daemon between a client and a backend, in network namespaces of its own: the lab's network without a router
// daemon, a static route in place of BGP, and a paced stream of packets to the VIPs in place of requests.
//
//   client ── router ── balancer        every hop a veth, the daemon's engine af_packet
//                └───── backend         counts the encapsulated frames that arrive; owns no VIP, so it answers none
//
// down() takes everything away; what a crashed run left is cleared by the next one.

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { LabBalancer } from '../deploy/lab/balancer.ts';
import { apiSocket } from '../deploy/lab/documents.ts';
import { claimLab, tearDown } from '../deploy/lab/lab.ts';
import type { Ledger } from '../deploy/lab/ledger.ts';
import { buildNetwork } from '../deploy/lab/network.ts';
import { builtFile } from '../deploy/lab/programs.ts';
import { run } from '../deploy/lab/shell.ts';
import { type LabNode, planTopology, type Topology } from '../deploy/lab/topology.ts';
import { messageOf, ToriiError } from '../src/errors.ts';
import { backendPrefix, type DocumentSize, documentOf, type Edition, vipAddress, vipPort } from './documents.ts';
import { type LoopDelay, loopDelaysFile } from './loop-probe.ts';
import { type Stream, startStream } from './stream.ts';

const vipRoute = '203.0.112.0/20';
const streamLimitSec = 120;

export interface StreamOptions {
  /** Packets go to so many VIPs, from the first one on. */
  readonly vips: number;
  readonly perSec: number;
}

export class LiveBed {
  readonly balancer: LabBalancer;
  readonly #topology: Topology;
  readonly #node: LabNode;
  readonly #ledger: Ledger;
  #streams = 0;

  private constructor(topology: Topology, ledger: Ledger, node: LabNode) {
    this.#topology = topology;
    this.#ledger = ledger;
    this.#node = node;
    this.balancer = new LabBalancer(topology, ledger, node);
  }

  /** Throws no_privilege where the machine does not let us; then nothing is left. */
  static async build(name: string): Promise<LiveBed> {
    const topology = planTopology({ name, balancers: 1, backends: 1 });
    const [balancer] = topology.balancers;
    const [backend] = topology.backends;
    if (balancer === undefined || backend === undefined) throw new ToriiError('internal', 'a bed without balancer or backend');
    const ledger = await claimLab(topology);
    try {
      await buildNetwork(topology);
      const routes = [`${vipRoute} via ${balancer.address}`, `${backendPrefix} via ${backend.address}`];
      const input = routes.map((route) => `route add ${route}\n`).join('');
      await run(['ip', '-n', topology.namespaces.router, '-batch', '-'], { input });
    } catch (error) {
      await tearDown(name);
      if (/not permitted|denied/i.test(messageOf(error)))
        throw new ToriiError('no_privilege', messageOf(error), { cause: error });
      throw error;
    }
    return new LiveBed(topology, ledger, balancer);
  }

  /** Replaces the balancer's document in one step; returns the Unix time, in ms, just before. */
  replaceDocument(size: DocumentSize, edition: Edition = {}): number {
    const node = {
      address: this.#node.address,
      devices: [{ name: 'eth0', engine: 'af_packet' }],
      api: { socket: apiSocket(this.#topology, this.#node) },
      logs: { level: 'info', format: 'json' },
    };
    const file = this.balancer.documentFile();
    const document = { version: 1, node, ...documentOf(size, edition) };
    writeFileSync(`${file}.new`, size.format === 'json' ? JSON.stringify(document) : stringify(document));
    const atMs = Date.now();
    renameSync(`${file}.new`, file);
    return atMs;
  }

  /** Starts the balancer with loop-probe.ts in it. */
  async startProbed(): Promise<void> {
    const file = this.#loopDelaysFile();
    rmSync(file, { force: true });
    await this.balancer.start({ NODE_OPTIONS: `--import=${builtFile('bench/loop-probe.js')}`, [loopDelaysFile]: file });
  }

  /** Of the probed balancer's main thread since then (Unix time); none when it was never late. */
  loopDelays(sinceMs: number): readonly LoopDelay[] {
    const file = this.#loopDelaysFile();
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    const delays = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as LoopDelay);
    return delays.filter(({ atMs }) => atMs >= sinceMs);
  }

  #loopDelaysFile(): string {
    return join(this.#topology.directory, 'loop-delays.jsonl');
  }

  async stream({ vips, perSec }: StreamOptions): Promise<Stream> {
    const [backend] = this.#topology.backends;
    if (backend === undefined) throw new ToriiError('internal', 'a bed without a backend');
    return await startStream(this.#ledger, {
      id: `stream-${++this.#streams}`,
      from: this.#topology.namespaces.client,
      to: backend.namespace,
      address: vipAddress(0),
      addresses: vips,
      port: vipPort,
      perSec,
      seconds: streamLimitSec,
    });
  }

  async down(): Promise<void> {
    await tearDown(this.#topology.options.name);
  }
}
