// FRR as the lab's edge router: zebra and bgpd with dynamic neighbours, multipath into the kernel.
//
// Daemons start with an empty file and get their configuration from vtysh afterwards, because each daemon would stop
// reading an integrated file at the first block that is not its own. Each lab has an FRR path space of its own
// (`-N`): directories under /run/frr and /etc/frr that stop() and a later clean-up remove.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ledger } from './ledger.ts';
import { endAll, isAlive, recordPidFile } from './processes.ts';
import { flushRoutes, type Router, type RouterState } from './router.ts';
import { run, tryRun } from './shell.ts';
import { routerAs, type Topology, vipPrefix } from './topology.ts';

const daemons = ['zebra', 'bgpd'] as const;

export function frrConfig(topology: Topology): string {
  const { fabricSide } = topology.router;
  return `hostname router
!
ip prefix-list VIPS seq 5 permit ${vipPrefix} ge 32
route-map BALANCERS-IN permit 10
 match ip address prefix-list VIPS
route-map NOTHING deny 10
!
router bgp ${routerAs}
 bgp router-id ${fabricSide}
 no bgp default ipv4-unicast
 bgp bestpath as-path multipath-relax
 timers bgp 3 9
 neighbor BALANCERS peer-group
 neighbor BALANCERS remote-as external
 neighbor BALANCERS advertisement-interval 0
 bgp listen range ${fabricSide.replace(/\d+$/, '0')}/24 peer-group BALANCERS
 address-family ipv4 unicast
  neighbor BALANCERS activate
  neighbor BALANCERS route-map BALANCERS-IN in
  neighbor BALANCERS route-map NOTHING out
  neighbor BALANCERS maximum-prefix 1000
  maximum-paths 16
 exit-address-family
`;
}

interface FrrPeers {
  readonly ipv4Unicast?: { readonly peers?: Readonly<Record<string, { readonly state: string }>> };
}

export function frrRouter(topology: Topology, ledger: Ledger): Router {
  const { namespaces, options, directory } = topology;
  const space = `torii-${options.name}`;
  const runDirectory = join('/run/frr', space);
  const etcDirectory = join('/etc/frr', space);
  const own = () => ledger.processes().filter(({ id }) => (daemons as readonly string[]).includes(id));
  const vtysh = (...args: readonly string[]) => ['vtysh', '-N', space, ...args];

  return {
    kind: 'frr',
    async start() {
      for (const path of [runDirectory, etcDirectory]) {
        ledger.add({ kind: 'directory', path });
        mkdirSync(path, { recursive: true });
      }
      const empty = join(etcDirectory, 'empty.conf');
      writeFileSync(empty, '');
      writeFileSync(join(etcDirectory, 'vtysh.conf'), 'service integrated-vtysh-config\n');
      execFileSync('chown', ['-R', 'frr:frr', runDirectory, etcDirectory]);
      for (const daemon of daemons) {
        await run([`/usr/lib/frr/${daemon}`, '-d', '-N', space, '-f', empty, '-P', '0'], { namespace: namespaces.router });
        const pidFile = join(runDirectory, `${daemon}.pid`);
        await recordPidFile(ledger, daemon, pidFile);
      }
      const config = join(directory, 'frr.conf');
      writeFileSync(config, frrConfig(topology));
      await run(vtysh('-f', config));
    },
    async stop() {
      await endAll(own(), 2_000);
      await flushRoutes(namespaces.router);
      for (const path of [runDirectory, etcDirectory]) rmSync(path, { recursive: true, force: true });
    },
    async state(): Promise<RouterState> {
      const text = await tryRun(vtysh('-c', 'show bgp summary json'));
      const peers = text === undefined ? {} : ((JSON.parse(text) as FrrPeers).ipv4Unicast?.peers ?? {});
      const neighbours = Object.entries(peers).map(([address, { state }]) => ({
        address,
        state,
        established: state === 'Established',
      }));
      return { kind: 'frr', running: own().length > 0 && own().every(isAlive), neighbours };
    },
  };
}
