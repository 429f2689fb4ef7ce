// The smallest bed in which a backend can be seen at work: client, balancer and host in three network namespaces.
//
// The balancer is the router of both links and encapsulates TCP to 203.0.113.10 in a tc program (native/test/encap.c).
// Links carry 1500 bytes, so that room for the outer header is not a gift. Names carry the pid; beds of processes that
// are gone are removed first.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildNative } from './native-build.ts';

const prefix = 'thost-';
export const nativeBuild = fileURLToPath(new URL('../../native/build/', import.meta.url));

export type Place = 'client' | 'balancer' | 'host';
const places: readonly Place[] = ['client', 'balancer', 'host'];

const inPlace = (place: Place) => ['ip', 'netns', 'exec', `${prefix}${process.pid}-${place}`];

/** Standard output of a command in a namespace; throws with its standard error when it fails. */
export function sh(place: Place, command: string): string {
  const { status, stdout, stderr } = spawnSync(inPlace(place)[0] ?? '', [...inPlace(place).slice(1), 'sh', '-ec', command], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`in ${place}: ${command}: ${stderr}`);
  return stdout;
}

export function start(place: Place, argv: readonly string[]): ChildProcess {
  const [program = '', ...args] = [...inPlace(place), ...argv];
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

export function build(): void {
  buildNative('build/test/encap.o');
  removeStale();
  for (const place of places) ip(`netns add ${prefix}${process.pid}-${place}`);
  const link = (a: Place, aName: string, b: Place, bName: string) =>
    ip(`link add ${aName} netns ${prefix}${process.pid}-${a} type veth peer name ${bName} netns ${prefix}${process.pid}-${b}`);
  link('client', 'eth0', 'balancer', 'clients');
  link('host', 'eth0', 'balancer', 'rack');
  sh('client', 'ip addr add 10.99.1.2/24 dev eth0; ip link set eth0 up; ip link set lo up; ip route add default via 10.99.1.1');
  sh('host', 'ip addr add 10.99.2.21/24 dev eth0; ip link set eth0 up; ip link set lo up; ip route add default via 10.99.2.1');
  sh(
    'balancer',
    `ip addr add 10.99.1.1/24 dev clients; ip addr add 10.99.2.1/24 dev rack; ip link set clients up; ip link set rack up
     sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.clients.rp_filter=0 net.ipv4.conf.rack.rp_filter=0
     sysctl -qw net.ipv4.conf.clients.accept_local=1 net.ipv4.neigh.rack.retrans_time_ms=20
     ip route add 203.0.113.99 dev rack
     tc qdisc add dev clients clsact; tc filter add dev clients ingress bpf da obj ${nativeBuild}test/encap.o sec tc`,
  );
}

export function remove(pid = process.pid): void {
  for (const place of places) spawnSync('ip', ['netns', 'del', `${prefix}${pid}-${place}`]);
}

function removeStale(): void {
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  const pids = names
    .map((name) => /^thost-(\d+)-/.exec(name)?.[1])
    .filter((pid) => pid !== undefined && !existsSync(`/proc/${pid}`));
  for (const pid of new Set(pids)) remove(Number(pid));
}

function ip(command: string): void {
  const { status, stderr } = spawnSync('ip', command.split(' '), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${command}: ${stderr}`);
}
