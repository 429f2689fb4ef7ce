// The bed of bench:engines: one veth, a generator at one end and what is measured at the other, each in a namespace of its own.
//
//   client: eth0 ════ lb1: eth0         frames to a VIP go out, and come back forwarded; there they are counted and dropped
//
// Every run gets new namespaces, so that nothing is left of the one before: no neighbour, no tracked connection. Two
// processors: the generator has the first, with all that the kernel does for a frame on its way to the ring of an engine; what is
// measured has the second. down() takes everything away; what a crashed run left is cleared by the next one.

import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { LabBalancer } from '../deploy/lab/balancer.ts';
import { apiSocket } from '../deploy/lab/documents.ts';
import { claimLab, tearDown } from '../deploy/lab/lab.ts';
import type { Ledger } from '../deploy/lab/ledger.ts';
import { ipBatch, labNamespaces, removeNamespaces } from '../deploy/lab/network.ts';
import { endAll, isAlive, logFile, logTail, startProgram } from '../deploy/lab/processes.ts';
import { nativeProgram } from '../deploy/lab/programs.ts';
import { run } from '../deploy/lab/shell.ts';
import { fabricMtuBytes, type LabNode, planTopology, type Topology } from '../deploy/lab/topology.ts';
import { until } from '../deploy/lab/until.ts';
import { ToriiError } from '../src/errors.ts';

export type EngineWord = 'af_packet' | 'af_xdp';

export const vip = { address: '203.0.113.10', port: 80 } as const;
export const backends = ['10.80.0.1', '10.80.0.2', '10.80.0.3', '10.80.0.4'] as const;

const generatorMac = '02:00:00:00:00:09';
const balancerMac = '02:00:00:00:00:01';
const generatorProcessor = '0';
const subjectProcessor = '1';
/** The kernel lets real-time threads have 950 ms of a second; a worker that polls has used some when a run begins. */
const recoverMs = 500;
const readyMs = 20_000;

/** native/bench/generate.c's words. */
export interface Load {
  /** A power of two; more than can come in a run means that every frame is a new flow's. */
  readonly flows: number;
  readonly flags: 'ack' | 'syn';
  /** Frames before a pause in which the receiver can catch up, so that it loses none; 0: no pause, more than it can take. */
  readonly atOnce: number;
  readonly ms: number;
}

export interface Counted {
  readonly sent: number;
  readonly arrived: number;
  readonly seconds: number;
  readonly senderSeconds: number;
  readonly threadSeconds: number;
}

/** What forwards. */
export interface Thread {
  readonly pid: number;
  readonly thread: number;
}

export interface Ways {
  readonly sent: number;
  readonly back: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export class EngineBed {
  readonly topology: Topology;
  readonly #node: LabNode;
  readonly #ledger: Ledger;
  #programs = 0;

  private constructor(topology: Topology, ledger: Ledger, node: LabNode) {
    this.topology = topology;
    this.#ledger = ledger;
    this.#node = node;
  }

  static async claim(name: string): Promise<EngineBed> {
    const topology = planTopology({ name, balancers: 1, backends: 1 });
    const [node] = topology.balancers;
    if (node === undefined) throw new ToriiError('internal', 'a bed without balancer');
    return new EngineBed(topology, await claimLab(topology), node);
  }

  /** New namespaces. What ran in the old ones has ended, or is ended now. */
  async renew(): Promise<void> {
    await endAll(this.#ledger.processes().filter(isAlive), 2_000);
    await removeNamespaces(labNamespaces(this.topology.options.name));
    const { client } = this.topology.namespaces;
    const { namespace, address } = this.#node;
    const { address: peer } = this.topology.router.fabric;
    await ipBatch([
      `netns add ${client}`,
      `netns add ${namespace}`,
      `link add name eth0 mtu ${fabricMtuBytes} address ${generatorMac} netns ${client} ` +
        `type veth peer name eth0 mtu ${fabricMtuBytes} address ${balancerMac} netns ${namespace}`,
    ]);
    // No router advertisement or neighbour discovery of the bed's own is to be counted or forwarded.
    const quiet = ['net.ipv6.conf.all.disable_ipv6=1', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.eth0.rp_filter=0'];
    const noRedirects = ['net.ipv4.conf.all.send_redirects=0', 'net.ipv4.conf.eth0.send_redirects=0', 'net.ipv4.ip_forward=0'];
    for (const each of [client, namespace]) await run(['sysctl', '-q', '-w', ...quiet, ...noRedirects], { namespace: each });
    // Frames of XDP are taken by a veth only if it has GRO on.
    await run(['ethtool', '-K', 'eth0', 'gro', 'on'], { namespace });
    await ipBatch(['link set lo up', `addr add ${peer}/24 dev eth0`, 'link set eth0 up'], client);
    await ipBatch(
      [
        'link set lo up',
        `addr add ${address}/24 dev eth0`,
        'link set eth0 up',
        `neigh replace ${peer} lladdr ${generatorMac} dev eth0 nud permanent`,
        `route add default via ${peer}`,
      ],
      namespace,
    );
  }

  /** Runs a command where the balancer is. */
  async atBalancer(argv: readonly string[], input?: string): Promise<void> {
    await run(argv, { namespace: this.#node.namespace, ...(input === undefined ? {} : { input }) });
  }

  /** Starts a program of native/bench on the second processor; returns its thread. */
  async startNative(program: string, words: readonly string[]): Promise<Thread> {
    const id = `${program}-${++this.#programs}`;
    const { pid } = await startProgram(this.#ledger, {
      id,
      namespace: this.#node.namespace,
      argv: ['taskset', '-c', subjectProcessor, nativeProgram(`bench/${program}`), ...words],
    });
    const isReady = () => readFileSync(logFile(this.#ledger, id), 'utf8').includes('ready');
    await until(isReady, { what: program, timeoutMs: readyMs, everyMs: 5 }).catch((cause: unknown) => {
      throw new ToriiError('not_ready', `${program}: ${logTail(this.#ledger, id)}`, { cause });
    });
    return { pid, thread: pid };
  }

  /** Starts the daemon with one worker, which has the second processor; returns that thread. */
  async startBalancer(engine: EngineWord, busyPoll = false): Promise<Thread> {
    const node = this.#node;
    const balancer = new LabBalancer(this.topology, this.#ledger, node);
    await writeFile(balancer.documentFile(), stringify(this.#document(engine, busyPoll)));
    await balancer.start({}, ['taskset', '-c', subjectProcessor]);
    const allUsable = async () => {
      const { backends: all } = await balancer.read('status');
      return all.usable === all.total;
    };
    await until(allUsable, { what: 'every backend to be usable', timeoutMs: readyMs });
    return { pid: balancer.pid(), thread: onlyWorker(balancer.pid()) };
  }

  async end(): Promise<void> {
    await endAll(this.#ledger.processes().filter(isAlive), 5_000);
  }

  async generate({ flows, flags, atOnce, ms }: Load, threads: readonly Thread[]): Promise<Counted> {
    const words = [
      'eth0',
      balancerMac,
      vip.address,
      `${vip.port}`,
      `${flows}`,
      flags,
      `${atOnce}`,
      `${ms}`,
      ...threads.map(schedstat),
    ];
    const argv = [nativeProgram('bench/generate_bpf.o'), ...words];
    return JSON.parse(await atRealTime(threads, async () => await this.#atGenerator('generate', argv))) as Counted;
  }

  async ways(perSec: number, ms: number, threads: readonly Thread[]): Promise<Ways> {
    const words = ['eth0', balancerMac, vip.address, `${vip.port}`, '1024', `${Math.round(perSec)}`, `${ms}`];
    return JSON.parse(await atRealTime(threads, async () => await this.#atGenerator('latency', words))) as Ways;
  }

  async down(): Promise<void> {
    await tearDown(this.topology.options.name);
  }

  async #atGenerator(program: string, words: readonly string[]): Promise<string> {
    const argv = ['taskset', '-c', generatorProcessor, nativeProgram(`bench/${program}`), ...words];
    return await run(argv, { namespace: this.topology.namespaces.client, timeoutMs: 60_000 });
  }

  #document(engine: EngineWord, busyPoll: boolean): object {
    return {
      version: 1,
      node: {
        address: this.#node.address,
        devices: [{ name: 'eth0', engine, ...(busyPoll ? { busyPoll } : {}) }],
        api: { socket: apiSocket(this.topology, this.#node) },
        logs: { level: 'info', format: 'json' },
      },
      tenants: [{ name: 'acme', vips: [{ address: vip.address, protocol: 'tcp', ports: [vip.port], pool: 'web' }] }],
      pools: { web: { backends: backends.map((address) => ({ address })) } },
    };
  }
}

function schedstat({ pid, thread }: Thread): string {
  return `/proc/${pid}/task/${thread}/schedstat`;
}

/** Threads are real-time ones while something is measured, and no longer: one that polls would be halted by the kernel meanwhile. */
async function atRealTime(threads: readonly Thread[], measure: () => Promise<string>): Promise<string> {
  await delay(recoverMs);
  for (const { thread } of threads) await run(['chrt', '--fifo', '--pid', '1', `${thread}`]);
  try {
    return await measure();
  } finally {
    for (const { thread } of threads) await run(['chrt', '--other', '--pid', '0', `${thread}`]);
  }
}

/** Thread numbers of a balancer's packet workers. */
export function packetWorkers(pid: number): readonly number[] {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks)
    .filter((task) => readFileSync(join(tasks, task, 'comm'), 'utf8').startsWith('torii-worker'))
    .map(Number);
}

function onlyWorker(pid: number): number {
  const [worker, ...others] = packetWorkers(pid);
  if (worker === undefined || others.length > 0)
    throw new ToriiError('internal', `expected one packet worker, got ${packetWorkers(pid).length}`);
  return worker;
}
