// Two network namespaces, a router daemon in one and the speaker in the other, for the BGP integration tests.
//
// Everything is taken down by close(), whatever the test did. Names carry the process id, so that two runs do not meet.
// Needs root; routes are awaited by rtnetlink events, never by sleeping.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import { createInterface } from 'node:readline';
import type { Advertisement, PeerStatus, SpeakerConfig } from '../../../src/model/peer.ts';

export const routerAddress = '10.66.0.1';
export const speakerAddress = '10.66.0.11';
export const routerAddress6 = 'fd66::1';
export const speakerAddress6 = 'fd66::11';
export const routerAs = 65000;
export const speakerAs = 65010;

// worker_threads need built files.
const speakerProgram = resolvePath('dist/test/integration/support/bgp-speaker-process.js');

/** Runs a program to its end. @throws with its error output when it fails */
export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

async function stopProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGCONT');
  child.kill(signal);
  await gone;
}

export class SpeakerProcess {
  readonly child: ChildProcess;
  readonly logs: string[] = [];
  #peers: readonly PeerStatus[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(namespace: string, config: SpeakerConfig) {
    if (!existsSync(speakerProgram)) throw new Error(`${speakerProgram} is missing: run "npm run build" first`);
    const argv = ['netns', 'exec', namespace, process.execPath, speakerProgram, JSON.stringify(config)];
    this.child = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout } = this.child;
    this.child.on('exit', () => this.#wake());
    if (stdout !== null) createInterface({ input: stdout }).on('line', (line) => this.#hear(line));
  }

  set(advertisements: readonly Advertisement[]): void {
    this.#tell({ set: advertisements });
  }

  configure(config: SpeakerConfig): void {
    this.#tell({ configure: config });
  }

  /** Resolves when the process has ended. */
  async close(graceful: boolean): Promise<void> {
    const gone = once(this.child, 'exit');
    this.#tell({ close: graceful });
    await gone;
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    await stopProcess(this.child, signal);
  }

  /** The first report of the peer that fits. */
  async peer(fits: (peer: PeerStatus) => boolean): Promise<PeerStatus> {
    for (;;) {
      const found = this.#peers.find(fits);
      if (found !== undefined) return found;
      if (this.child.exitCode !== null) throw new Error(`the speaker has ended; it said ${JSON.stringify(this.logs)}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #tell(command: unknown): void {
    this.child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  #hear(line: string): void {
    const said = JSON.parse(line) as readonly PeerStatus[] | { readonly log: { readonly message: string } };
    if ('log' in said) this.logs.push(said.log.message);
    else this.#peers = said;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

export interface Router {
  start(): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Text about a route, as the router's own tool shows it. */
  showRoute(prefix: string): string;
}

// A run that was killed leaves its namespaces behind; whoever comes next takes them down.
function removeStaleBeds(): void {
  for (const [namespace, owner] of run('ip', 'netns', 'list').matchAll(/^tbgp-[rs](\d+)/gm)) {
    if (existsSync(`/proc/${owner}`)) continue;
    const inside = run('ip', 'netns', 'pids', namespace).split('\n').map(Number);
    for (const pid of inside) if (pid > 0) process.kill(pid, 'SIGKILL');
    run('ip', 'netns', 'del', namespace);
    for (const parent of ['/etc/frr', '/run/frr']) rmSync(`${parent}/tbgp${owner}`, { recursive: true, force: true });
  }
}

export class BgpBed {
  readonly routerNamespace = `tbgp-r${process.pid}`;
  readonly speakerNamespace = `tbgp-s${process.pid}`;
  readonly directory = mkdtempSync(join(tmpdir(), 'torii-bgp-'));
  readonly #closers: (() => Promise<void> | void)[] = [];

  constructor() {
    removeStaleBeds();
    // Daemons that drop their privilege write here.
    chmodSync(this.directory, 0o777);
    const [router, speaker] = [this.routerNamespace, this.speakerNamespace];
    for (const namespace of [router, speaker]) run('ip', 'netns', 'add', namespace);
    run('ip', '-n', router, 'link', 'add', 'e0', 'type', 'veth', 'peer', 'name', 'e0', 'netns', speaker);
    run('ip', '-n', router, 'addr', 'add', `${routerAddress}/24`, 'dev', 'e0');
    run('ip', '-n', speaker, 'addr', 'add', `${speakerAddress}/24`, 'dev', 'e0');
    for (const namespace of [router, speaker])
      for (const link of ['lo', 'e0']) run('ip', '-n', namespace, 'link', 'set', link, 'up');
  }

  onClose(closer: () => Promise<void> | void): void {
    this.#closers.push(closer);
  }

  speaker(overrides: Partial<SpeakerConfig> = {}): SpeakerProcess {
    const speaker = new SpeakerProcess(this.speakerNamespace, { ...speakerConfig, ...overrides });
    this.onClose(() => speaker.kill('SIGKILL'));
    return speaker;
  }

  /** The router's kernel route, or undefined. */
  route(prefix: string): string | undefined {
    const family = prefix.includes(':') ? '-6' : '-4';
    const text = run('ip', family, '-n', this.routerNamespace, 'route', 'show', prefix).trim();
    return text === '' ? undefined : text;
  }

  /** Resolves when the router's kernel has (or has lost) the route; how long that took. */
  async routeIs(prefix: string, present: boolean): Promise<number> {
    const startMs = performance.now();
    const monitor = spawn('ip', ['-n', this.routerNamespace, 'monitor', 'route'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let wake: () => void = () => undefined;
    monitor.stdout.on('data', () => wake());
    // What happened before the monitor listened, and what it lost in a burst, is seen by looking now and then.
    const looking = setInterval(() => wake(), 200);
    try {
      while ((this.route(prefix) !== undefined) !== present) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return performance.now() - startMs;
    } finally {
      clearInterval(looking);
      await stopProcess(monitor, 'SIGKILL');
    }
  }

  /** Everything is tried, also when part of it fails. */
  async close(): Promise<void> {
    const closers = [
      ...this.#closers.toReversed(),
      () => void run('ip', 'netns', 'del', this.routerNamespace),
      () => void run('ip', 'netns', 'del', this.speakerNamespace),
      () => rmSync(this.directory, { recursive: true, force: true }),
    ];
    const failures: unknown[] = [];
    for (const closer of closers) {
      try {
        await closer();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'the bed could not be taken down whole');
  }
}

export const speakerConfig: SpeakerConfig = {
  localAs: speakerAs,
  routerId: speakerAddress,
  drainSec: 1,
  peers: [{ address: routerAddress, port: 179, as: routerAs, passive: false, holdTimeSec: 9, connectRetrySec: 2, policy: {} }],
};

const birdConfig = `
log stderr all;
router id ${routerAddress};
protocol device { scan time 10; }
protocol kernel { ipv4 { export where source = RTS_BGP; import none; }; merge paths yes limit 16; }
protocol bgp {
  local ${routerAddress} as ${routerAs};
  neighbor ${speakerAddress} as ${speakerAs};
  passive yes; hold time 9; keepalive time 3; error wait time 1, 2; connect delay time 1; direct;
  ipv4 { import all; export none; };
}
`;

/** BIRD in the router's namespace. */
export class Bird implements Router {
  readonly #bed: BgpBed;
  readonly #socket: string;
  readonly #configFile: string;
  #child: ChildProcess | undefined;

  constructor(bed: BgpBed, config = birdConfig) {
    this.#bed = bed;
    this.#socket = join(bed.directory, 'bird.ctl');
    this.#configFile = join(bed.directory, 'bird.conf');
    writeFileSync(this.#configFile, config);
    bed.onClose(() => this.stop('SIGKILL'));
  }

  async start(): Promise<void> {
    const argv = ['netns', 'exec', this.#bed.routerNamespace, 'bird', '-f', '-c', this.#configFile, '-s', this.#socket];
    this.#child = spawn('ip', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    const { stderr } = this.#child;
    if (stderr !== null) for await (const line of createInterface({ input: stderr })) if (line.includes('Started')) break;
    stderr?.resume();
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child !== undefined) await stopProcess(this.#child, signal);
    this.#child = undefined;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  showRoute(prefix: string): string {
    return this.ask(`show route all for ${prefix}`);
  }

  ask(question: string): string {
    return run('birdc', '-s', this.#socket, ...question.split(' '));
  }
}

const frrConfig = `
router bgp ${routerAs}
 bgp router-id ${routerAddress}
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 timers bgp 3 9
 neighbor LB peer-group
 neighbor LB remote-as external
 neighbor LB advertisement-interval 0
 bgp listen range 10.66.0.0/24 peer-group LB
 address-family ipv4 unicast
  neighbor LB activate
  maximum-paths 16
 exit-address-family
`;

/** FRR's zebra and bgpd, or more of its daemons, in the router's namespace. */
export class Frr implements Router {
  readonly #bed: BgpBed;
  readonly #path = `tbgp${process.pid}`;
  readonly #daemons: readonly string[];
  #children: ChildProcess[] = [];

  constructor(bed: BgpBed, config = frrConfig, daemons: readonly string[] = ['zebra', 'bgpd']) {
    this.#bed = bed;
    this.#daemons = daemons;
    for (const directory of [`/etc/frr/${this.#path}`, `/run/frr/${this.#path}`]) {
      mkdirSync(directory, { recursive: true });
      run('chown', 'frr:frr', directory);
      bed.onClose(() => rmSync(directory, { recursive: true, force: true }));
    }
    writeFileSync(`/etc/frr/${this.#path}/empty.conf`, '');
    writeFileSync(`/etc/frr/${this.#path}/vtysh.conf`, 'service integrated-vtysh-config\n');
    writeFileSync(join(bed.directory, 'frr.conf'), config);
    bed.onClose(() => this.stop('SIGKILL'));
  }

  // Never an integrated configuration by -f: each daemon would stop reading at the first block that is not its own.
  async start(): Promise<void> {
    for (const daemon of this.#daemons) {
      const argv = ['-N', this.#path, '-f', `/etc/frr/${this.#path}/empty.conf`, '-P', '0'];
      const child = spawn('ip', ['netns', 'exec', this.#bed.routerNamespace, `/usr/lib/frr/${daemon}`, ...argv], {
        stdio: 'ignore',
      });
      this.#children.push(child);
      while (!existsSync(`/run/frr/${this.#path}/${daemon}.vty`)) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    run('vtysh', '-N', this.#path, '-f', join(this.#bed.directory, 'frr.conf'));
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    for (const child of this.#children.toReversed()) await stopProcess(child, signal);
    this.#children = [];
    rmSync(`/run/frr/${this.#path}`, { recursive: true, force: true });
    mkdirSync(`/run/frr/${this.#path}`);
    run('chown', 'frr:frr', `/run/frr/${this.#path}`);
    // zebra leaves next-hop objects behind; its routes go with them.
    run('ip', '-n', this.#bed.routerNamespace, 'nexthop', 'flush');
  }

  signal(signal: NodeJS.Signals): void {
    this.#children.at(-1)?.kill(signal);
  }

  showRoute(prefix: string): string {
    return this.ask(`show bgp ipv4 unicast ${prefix} json`);
  }

  ask(...questions: readonly string[]): string {
    return run('vtysh', '-N', this.#path, ...questions.flatMap((question) => ['-c', question]));
  }
}
