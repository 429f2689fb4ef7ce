// The smallest bed for a live engine: client, balancer and backend in namespaces of their own, the engine in between.
//
//     client eth0 ── front balancer back ── eth0 backend
//     client direct ───────────────────── direct backend        the way back
//
// All transmit offloads stay on, as on any veth: what the engine is handed has open checksums and super-frames. Frames go
// in and out through native/test/frame_port. Names carry the pid; beds of processes that are gone are removed first.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const prefix = 'tafp-';
const nativeBuild = fileURLToPath(new URL('../../../native/build/', import.meta.url));
const patienceMs = 5000;

export type Place = 'client' | 'balancer' | 'backend';
const places: readonly Place[] = ['client', 'balancer', 'backend'];

export const bed = {
  client: '10.91.0.2',
  node: '10.92.0.1',
  front: '10.91.0.1',
  backend: '10.92.0.2',
  vip: '203.0.113.10',
  client6: 'fd91::2',
  node6: 'fd92::1',
  front6: 'fd91::1',
  backend6: 'fd92::2',
  vip6: '2001:db8:203::10',
  clientMac: '02:00:00:00:0c:01',
  frontMac: '02:00:00:00:0b:00',
  backMac: '02:00:00:00:0b:01',
  backendMac: '02:00:00:00:05:00',
} as const;

const started = new Set<ChildProcess>();

export function namespaceFile(place: Place): string {
  return `/run/netns/${prefix}${process.pid}-${place}`;
}

function inPlace(place: Place, argv: readonly string[]): readonly string[] {
  return ['nsenter', `--net=${namespaceFile(place)}`, '--', ...argv];
}

/** Standard output of a shell command in a namespace; throws with its standard error when it fails. */
export function sh(place: Place, command: string): string {
  const [program = '', ...args] = inPlace(place, ['sh', '-ec', command]);
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`in ${place}: ${command}: ${stderr}`);
  return stdout;
}

export function start(place: Place, argv: readonly string[], stdio: 'pipe' | 'ipc' = 'pipe'): ChildProcess {
  const [program = '', ...args] = inPlace(place, argv);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit', ...(stdio === 'ipc' ? (['ipc'] as const) : [])] });
  started.add(child);
  child.on('exit', () => started.delete(child));
  return child;
}

/** Runs a script by node in a namespace; its standard output once it is through. */
export async function script(place: Place, source: string): Promise<string> {
  const child = start(place, [process.execPath, '--input-type=module', '-e', source]);
  let out = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`script in ${place}: exit ${code}: ${out}`);
  return out.trim();
}

/** Starts a script that goes on, once it has written its first line. */
export async function server(place: Place, source: string): Promise<ChildProcess> {
  const child = start(place, [process.execPath, '--input-type=module', '-e', source]);
  if (child.stdout === null) throw new Error('no standard output');
  await once(createInterface(child.stdout), 'line');
  return child;
}

export function build(): void {
  removeStale();
  for (const place of places) ip(`netns add ${prefix}${process.pid}-${place}`);
  for (const place of places)
    sh(place, 'sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.conf.all.rp_filter=0; ip link set lo up');
  linkFront();
  link(['balancer', 'back', bed.backMac], ['backend', 'eth0', bed.backendMac]);
  link(['client', 'direct'], ['backend', 'direct']);
  sh('balancer', `ip addr add ${bed.node}/24 dev back; sysctl -qw net.ipv4.ip_forward=0; ip link set back up`);
  sh('client', 'ip addr add 10.93.0.1/24 dev direct; ip link set direct up; sysctl -qw net.ipv4.conf.direct.rp_filter=0');
  sh(
    'backend',
    `ip addr add ${bed.backend}/24 dev eth0; ip addr add 10.93.0.2/24 dev direct; ip link set eth0 up; ip link set direct up
     ip addr add ${bed.vip}/32 dev lo; sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.eth0.rp_filter=0
     ip route add 10.91.0.0/24 via 10.93.0.1 advmss 1440`,
  );
}

/** IPv6 beside it all, which most tests do without, since it talks by itself. */
export function addIpv6(): void {
  const enable = (devices: string) =>
    devices
      .split(' ')
      .map((device) => `sysctl -qw net.ipv6.conf.${device}.disable_ipv6=0 net.ipv6.conf.${device}.accept_dad=0`)
      .join('\n');
  const add = (address: string, device: string) => `ip addr add ${address} dev ${device} nodad`;
  sh('balancer', `${enable('front back')}\n${add(`${bed.front6}/64`, 'front')}\n${add(`${bed.node6}/64`, 'back')}`);
  sh(
    'client',
    `${enable('lo eth0 direct')}\n${add(`${bed.client6}/64`, 'eth0')}\n${add('fd93::1/64', 'direct')}
     ip route add 2001:db8:203::/64 via ${bed.front6}`,
  );
  sh(
    'backend',
    `${enable('lo eth0 direct')}\n${add(`${bed.backend6}/64`, 'eth0')}\n${add('fd93::2/64', 'direct')}
     ${add(`${bed.vip6}/128`, 'lo')}\nip route add fd91::/64 via fd93::1 advmss 1400`,
  );
}

/** The client's link, which tests also take away and bring back. */
export function linkFront(): void {
  link(['client', 'eth0', bed.clientMac], ['balancer', 'front', bed.frontMac]);
  sh('balancer', `ip addr add ${bed.front}/24 dev front; ip link set front up`);
  sh(
    'client',
    `ip addr add ${bed.client}/24 dev eth0; sysctl -qw net.ipv4.conf.eth0.rp_filter=0; ip link set eth0 up
     ip route add 203.0.113.0/24 via ${bed.front}`,
  );
}

/** Takes the outer header off at the backend, so that its kernel sees what the client sent. */
export function decapsulate(): void {
  const outer = [`${bed.backend}/32`, `${bed.backend6}/128`].map((each) => `outer ${each}\\n`).join('');
  const vips = [`${bed.vip}/32`, `${bed.vip6}/128`].map((each) => `vip ${each}\\n`).join('');
  sh(
    'backend',
    `tc qdisc replace dev eth0 clsact
     printf '${outer}${vips}' | ${nativeBuild}decap_load attach ${nativeBuild}bpf/decap.o eth0`,
  );
}

/** Ends every program that still runs in the bed. */
export async function endPrograms(): Promise<void> {
  for (const child of started) {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}

export async function remove(): Promise<void> {
  await endPrograms();
  removeNamespaces(process.pid);
}

function removeNamespaces(pid: number): void {
  for (const place of places) spawnSync('ip', ['netns', 'del', `${prefix}${pid}-${place}`]);
}

function removeStale(): void {
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  const pids = names
    .map((name) => /^tafp-(\d+)-/.exec(name)?.[1])
    .filter((pid) => pid !== undefined && !existsSync(`/proc/${pid}`));
  for (const pid of new Set(pids)) removeNamespaces(Number(pid));
}

type End = readonly [place: Place, device: string, mac?: string];

function link([a, aName, aMac]: End, [b, bName, bMac]: End): void {
  const address = (mac: string | undefined) => (mac === undefined ? '' : `address ${mac} `);
  ip(
    `link add ${aName} ${address(aMac)}netns ${prefix}${process.pid}-${a} type veth peer name ${bName} ${address(bMac)}netns ${prefix}${process.pid}-${b}`,
  );
}

function ip(command: string): void {
  const { status, stderr } = spawnSync('ip', command.split(' '), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${command}: ${stderr}`);
}

/** Frames in and out of one device. */
export class FramePort {
  readonly #child: ChildProcess;
  readonly #frames: Uint8Array[] = [];
  readonly #waiting = new Set<() => void>();

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async open(place: Place, device: string): Promise<FramePort> {
    const child = start(place, [`${nativeBuild}test/frame_port`, device]);
    if (child.stdout === null) throw new Error('no standard output');
    const port = new FramePort(child);
    const lines = createInterface(child.stdout);
    await once(lines, 'line');
    lines.on('line', (line) => {
      port.#frames.push(Uint8Array.from(Buffer.from(line, 'hex')));
      for (const wake of port.#waiting) wake();
    });
    return port;
  }

  send(...frames: readonly Uint8Array[]): void {
    this.#child.stdin?.write(frames.map((frame) => `${Buffer.from(frame).toString('hex')}\n`).join(''));
  }

  /** The next received frame that is wanted; those before it are dropped. */
  async receive(isWanted: (frame: Uint8Array) => boolean): Promise<Uint8Array> {
    return (await this.upTo(isWanted)).at(-1) as Uint8Array;
  }

  /** All frames up to the next one that is wanted, which is the last. */
  async upTo(isWanted: (frame: Uint8Array) => boolean): Promise<readonly Uint8Array[]> {
    const deadline = AbortSignal.timeout(patienceMs);
    const frames: Uint8Array[] = [];
    for (;;) {
      for (let frame = this.#frames.shift(); frame !== undefined; frame = this.#frames.shift()) {
        frames.push(frame);
        if (isWanted(frame)) return frames;
      }
      await this.#more(deadline);
    }
  }

  /** A wanted frame among those that came so far; all of these are dropped then. */
  take(isWanted: (frame: Uint8Array) => boolean): Uint8Array | undefined {
    return this.#frames.splice(0).find(isWanted);
  }

  /** Frames that came so far and are wanted, out of those nobody received. */
  count(isWanted: (frame: Uint8Array) => boolean): number {
    return this.#frames.filter(isWanted).length;
  }

  #more(deadline: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (act: () => void) => () => {
        this.#waiting.delete(wake);
        deadline.removeEventListener('abort', expire);
        act();
      };
      const wake = finish(resolve);
      const expire = finish(() => reject(new Error(`no such frame within ${patienceMs} ms`)));
      this.#waiting.add(wake);
      deadline.addEventListener('abort', expire);
    });
  }
}
