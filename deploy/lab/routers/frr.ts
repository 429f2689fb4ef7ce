// FRR as the lab's edge router: zebra, bgpd and, where its plan wants BFD, bfdd; multipath into the kernel.
//
// Daemons start with an empty file and get their configuration from vtysh afterwards, because each daemon would stop
// reading an integrated file at the first block that is not its own. Each lab has an FRR path space of its own
// (`-N`): directories under /run/frr and /etc/frr that stop() and a later clean-up remove.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endAll, isAlive, recordPidFile, signal } from '../processes.ts';
import { run, tryRun } from '../shell.ts';
import { routerAs, type Topology } from '../topology.ts';
import { frrConfig } from './frr-config.ts';
import { flushRoutes } from './kernel-routes.ts';
import { familyOf, type Router, type RouterBfd, type RouterNeighbour, type RouterParams, type RouterRoute } from './router.ts';

const daemons = ['zebra', 'bfdd', 'bgpd'] as const;

/** What `show bgp summary json` and its like say, as far as it is read here. */
interface FrrSummary {
  readonly peers?: Readonly<Record<string, { readonly state: string; readonly pfxRcd?: number }>>;
}

interface FrrPath {
  readonly aspath?: { readonly string?: string };
  readonly community?: { readonly list?: readonly string[] };
  readonly largeCommunity?: { readonly list?: readonly string[] };
  readonly nexthops?: readonly { readonly ip: string; readonly scope?: string }[];
  readonly metric?: number;
  readonly locPrf?: number;
  /** The router's own. */
  readonly sourced?: boolean;
}

interface FrrBfdCounters {
  readonly peer: string;
  readonly 'session-down'?: number;
}

/** FRR's names of well-known communities. */
const wellKnown: Readonly<Record<string, string>> = {
  gracefulShutdown: '65535:0',
  'graceful-shutdown': '65535:0',
  blackhole: '65535:666',
  noExport: '65535:65281',
};

export function frrSpace(topology: Topology): string {
  return `torii-${topology.options.name}`;
}

export function frrRouter({ topology, ledger, plan }: RouterParams): Router {
  const { namespaces, directory } = topology;
  const space = frrSpace(topology);
  const directories = [join('/run/frr', space), join('/etc/frr', space)] as const;
  const [runDirectory, etcDirectory] = directories;
  const wanted = daemons.filter((daemon) => daemon !== 'bfdd' || plan.peers?.some(({ bfd }) => bfd !== undefined));
  const own = () => ledger.processes().filter(({ id }) => (daemons as readonly string[]).includes(id));
  const vtysh = (...args: readonly string[]) => ['vtysh', '-N', space, ...args];
  const show = async (what: string): Promise<unknown> => {
    const text = await tryRun(vtysh('-c', `show ${what} json`));
    return text === undefined || text === '' ? {} : JSON.parse(text);
  };
  const configure = async (line: string) => {
    await run(vtysh('-c', 'configure', '-c', `router bgp ${routerAs}`, '-c', line));
  };

  return {
    kind: 'frr',
    plan,
    async start() {
      for (const path of directories) {
        ledger.add({ kind: 'directory', path });
        mkdirSync(path, { recursive: true });
      }
      const empty = join(etcDirectory, 'empty.conf');
      writeFileSync(empty, '');
      writeFileSync(join(etcDirectory, 'vtysh.conf'), 'service integrated-vtysh-config\n');
      execFileSync('chown', ['-R', 'frr:frr', ...directories]);
      for (const daemon of wanted) {
        await run([`/usr/lib/frr/${daemon}`, '-d', '-N', space, '-f', empty, '-P', '0'], { namespace: namespaces.router });
        await recordPidFile(ledger, daemon, join(runDirectory, `${daemon}.pid`));
      }
      const config = join(directory, 'frr.conf');
      writeFileSync(config, frrConfig(topology, plan));
      await run(vtysh('-f', config));
    },
    async stop() {
      await endAll(own(), 2_000);
      await flushRoutes(namespaces.router);
      for (const path of directories) rmSync(path, { recursive: true, force: true });
    },
    signal(name) {
      for (const process of own()) if (process.id === 'bgpd') signal(process, name);
    },
    async state() {
      const summaries = (await show('bgp summary')) as Readonly<Record<string, FrrSummary>>;
      const live = own().filter(isAlive);
      return { kind: 'frr', running: live.length >= wanted.length, neighbours: neighboursIn(Object.values(summaries)) };
    },
    async routes(prefix) {
      const { paths = [] } = (await show(`bgp ipv${familyOf(prefix)} unicast ${prefix}`)) as {
        readonly paths?: readonly FrrPath[];
      };
      return paths.filter(({ sourced }) => sourced !== true).map(routeIn);
    },
    async bfd(): Promise<readonly RouterBfd[]> {
      const peers = await show('bfd peers');
      if (!Array.isArray(peers)) return [];
      return (peers as readonly { readonly peer: string; readonly status: string }[]).map(({ peer, status }) => ({
        address: peer,
        isUp: status === 'up',
      }));
    },
    async flaps() {
      const neighbours = (await show('bgp neighbors')) as Readonly<Record<string, { readonly connectionsDropped?: number }>>;
      const found = await show('bfd peers counters');
      const counters = Array.isArray(found) ? (found as readonly FrrBfdCounters[]) : [];
      return (plan.peers ?? []).map(({ address }) => ({
        address,
        bgp: neighbours[address]?.connectionsDropped ?? 0,
        bfd: counters.find(({ peer }) => peer === address)?.['session-down'] ?? 0,
      }));
    },
    async shutDown(address, text) {
      await configure(`neighbor ${address} shutdown message ${text}`);
    },
    async enable(address) {
      await configure(`no neighbor ${address} shutdown`);
    },
  };
}

function neighboursIn(summaries: readonly FrrSummary[]): readonly RouterNeighbour[] {
  return summaries
    .flatMap(({ peers = {} }) => Object.entries(peers))
    .map(([address, { state, pfxRcd = 0 }]) => ({ address, state, established: state === 'Established', prefixes: pfxRcd }));
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function routeIn({ aspath, community, largeCommunity, nexthops = [], metric, locPrf }: FrrPath): RouterRoute {
  return {
    nextHop: nexthops.find(({ scope }) => scope !== 'link-local')?.ip ?? '',
    // Of a path without any AS it says "Local".
    asPath: (aspath?.string ?? '').split(' ').filter(isNumber).map(Number),
    communities: (community?.list ?? []).map((name) => wellKnown[name] ?? name),
    largeCommunities: largeCommunity?.list ?? [],
    med: metric ?? null,
    localPref: locPrf ?? null,
  };
}
