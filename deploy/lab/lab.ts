// The lab as one thing: plan, build, use, take down. The demo, the integration tests, the benches and the `torii-lab`
// command all use this and nothing else of the set-up.
//
// A lab is known by its name. Building one first clears what a crashed run of that name left; a lab whose owner is
// alive is refused. Taking down works from the ledger and from the namespaces' names alone, so any process can do it.

import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ToriiError } from '../../src/errors.ts';
import { LabBackend } from './backend.ts';
import { LabBalancer } from './balancer.ts';
import { type Intent, type LabDocuments, noIntent, secretFile, storyDocuments } from './documents.ts';
import { Ledger } from './ledger.ts';
import { buildNetwork, labNamespaces, type NetworkOptions, removeNamespaces } from './network.ts';
import { endAll, identify, isAlive, logTail, startProgram } from './processes.ts';
import { builtFile } from './programs.ts';
import { birdRouter } from './routers/bird.ts';
import { frrRouter } from './routers/frr.ts';
import { gobgpRouter } from './routers/gobgp.ts';
import { nextHops, waitForNextHops } from './routers/kernel-routes.ts';
import { defaultPlan, type Router, type RouterParams, type RouterPlan } from './routers/router.ts';
import { tryRun } from './shell.ts';
import {
  type LabNode,
  type LabOptions,
  type LabVip,
  labDirectory,
  planTopology,
  type RouterKind,
  type Topology,
} from './topology.ts';
import { until } from './until.ts';

/** What a test may want otherwise than the demo has it. A lab opened by its name has the demo's. */
export interface LabSetup extends NetworkOptions {
  readonly plan?: Partial<RouterPlan>;
  readonly documents?: LabDocuments;
}

const makeRouter: Readonly<Record<RouterKind, (params: RouterParams) => Router>> = {
  bird: birdRouter,
  frr: frrRouter,
  gobgp: gobgpRouter,
};

export class Lab {
  readonly topology: Topology;
  readonly ledger: Ledger;
  readonly router: Router;
  readonly balancers: readonly LabBalancer[];
  readonly backends: readonly LabBackend[];

  readonly #documents: LabDocuments;

  private constructor(topology: Topology, { plan, documents = storyDocuments }: LabSetup = {}) {
    this.topology = topology;
    this.ledger = new Ledger(topology.directory);
    this.#documents = documents;
    this.router = makeRouter[topology.options.router]({ topology, ledger: this.ledger, plan: { ...defaultPlan, ...plan } });
    this.balancers = topology.balancers.map((node) => new LabBalancer(topology, this.ledger, node));
    this.backends = topology.backends.map(
      (node) => new LabBackend(topology, this.ledger, node, documents.localVips(topology, node)),
    );
  }

  /** Network, router and documents; no balancer or backend runs yet. Clears remains of a crashed run of that name first. */
  static async build(options: Partial<LabOptions>, setup: LabSetup = {}): Promise<Lab> {
    const topology = planTopology(options);
    await claimLab(topology);
    const lab = new Lab(topology, setup);
    writeFileSync(secretFile(topology), `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
    lab.writeDocuments();
    await buildNetwork(topology, setup);
    await lab.router.start();
    if (topology.options.ecmp === 'resilient') await lab.#mirrorResilient();
    return lab;
  }

  /** Builds a lab and starts everything; resolves when every balancer is a next hop of every VIP. */
  static async up(options: Partial<LabOptions>, setup: LabSetup = {}): Promise<Lab> {
    const lab = await Lab.build(options, setup);
    await Promise.all([...lab.backends, ...lab.balancers].map((node) => node.start()));
    await lab.waitForBalancers(lab.balancers.length, 45_000);
    return lab;
  }

  /** A lab that another process built and left standing; undefined when there is none of that name. */
  static open(name: string): Lab | undefined {
    const options = new Ledger(labDirectory(name)).plan() as LabOptions | undefined;
    return options === undefined ? undefined : new Lab(planTopology(options));
  }

  /** Lets the lab outlive this process. */
  disown(): void {
    this.ledger.add({ kind: 'disowned' });
  }

  async down(): Promise<void> {
    await tearDown(this.topology.options.name);
  }

  /** Writes every node's document, each at once and whole, so that a daemon watching the file never reads half of it. */
  writeDocuments(intent: Intent = noIntent): void {
    const { topology } = this;
    for (const node of topology.balancers) this.#writeDocument(node, this.#documents.balancer(topology, node, intent));
    for (const node of topology.backends) this.#writeDocument(node, this.#documents.host(topology, node));
  }

  async nextHops(vip: LabVip): Promise<readonly string[]> {
    return await nextHops(this.topology.namespaces.router, vip.address);
  }

  /** Waits until exactly `count` balancers are next hops of every VIP in the router's kernel. */
  async waitForBalancers(count: number, timeoutMs: number): Promise<void> {
    const namespace = this.topology.namespaces.router;
    await Promise.all(
      Object.values(this.topology.vips).map(({ address }) => waitForNextHops({ namespace, route: address, count, timeoutMs })),
    );
  }

  async #mirrorResilient(): Promise<void> {
    const id = 'resilient-mirror';
    const argv = [process.execPath, builtFile('deploy/lab/routers/resilient-mirror.js')];
    const mirror = await startProgram(this.ledger, { id, namespace: this.topology.namespaces.router, argv });
    const isReady = () => !isAlive(mirror) || logTail(this.ledger, id).includes('ready');
    await until(isReady, { what: 'the router’s resilient groups', timeoutMs: 20_000 });
    if (!isAlive(mirror)) throw new ToriiError('internal', `${id} ended:\n${logTail(this.ledger, id)}`);
  }

  #writeDocument(node: LabNode, document: object): void {
    const file = join(this.topology.directory, `${node.id}.yaml`);
    writeFileSync(`${file}.new`, stringify(document));
    renameSync(`${file}.new`, file);
  }
}

/** A lab of this name stands, and its builder left it on purpose (`up`, `--keep`). */
export function isKept(name: string): boolean {
  const ledger = new Ledger(labDirectory(name));
  return ledger.plan() !== undefined && ledger.owner() === undefined;
}

/** Throws while the process that built the lab is alive and has not left it to stay. */
export function refuseIfInUse(name: string): void {
  const owner = new Ledger(labDirectory(name)).owner();
  if (owner === undefined || owner.pid === process.pid || !isAlive(owner)) return;
  throw new ToriiError('address_in_use', `lab ${name} is in use by process ${owner.pid}: wait for it, or end it`);
}

/**
 * Takes the name for this process and makes its directories, after clearing what a crashed run of that name left. Throws
 * address_in_use while the owner of a lab of that name lives.
 */
export async function claimLab(topology: Topology): Promise<Ledger> {
  const ledger = new Ledger(topology.directory);
  const owner = ledger.owner();
  if (owner !== undefined && owner.pid !== process.pid && isAlive(owner)) {
    throw new ToriiError(
      'address_in_use',
      `lab ${topology.options.name} is in use by process ${owner.pid}: wait for it, or end it`,
    );
  }
  await tearDown(topology.options.name);
  ledger.create();
  const self = identify(process.pid);
  if (self !== undefined) ledger.add({ kind: 'owner', ...self });
  ledger.add({ kind: 'plan', options: topology.options });
  for (const node of [...topology.balancers, ...topology.backends]) {
    mkdirSync(join(topology.directory, `${node.id}-state`), { recursive: true, mode: 0o700 });
  }
  return ledger;
}

/** What a lab of this name still has on the machine; empty when it is gone. */
export function remains(name: string): readonly string[] {
  const ledger = new Ledger(labDirectory(name));
  return [
    ...labNamespaces(name).map((namespace) => `namespace ${namespace}`),
    ...ledger
      .processes()
      .filter(isAlive)
      .map(({ id, pid }) => `process ${id} (${pid})`),
    ...(ledger.records().length === 0 ? [] : [`directory ${ledger.directory}`]),
  ];
}

/** Ends every program of the lab and removes its namespaces and directories. Harmless when there is none. */
export async function tearDown(name: string): Promise<void> {
  const ledger = new Ledger(labDirectory(name));
  const namespaces = labNamespaces(name);
  await endAll(ledger.processes(), 4_000);
  // A crash between starting a program and writing it down leaves one that only its namespace knows.
  for (const namespace of namespaces) await endAll(await programsIn(namespace), 500);
  await removeNamespaces(namespaces);
  for (const record of ledger.records()) {
    if (record.kind === 'directory') await rm(record.path, { recursive: true, force: true });
  }
  ledger.remove();
}

async function programsIn(namespace: string) {
  const pids = ((await tryRun(['ip', 'netns', 'pids', namespace])) ?? '').split('\n').filter(Boolean).map(Number);
  return pids.map(identify).filter((identity) => identity !== undefined);
}
