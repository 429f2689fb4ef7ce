// BIRD 2 as the lab's edge router: passive, dynamic neighbours, multipath into the kernel.
//
// Only host routes of the VIP range are accepted, and GRACEFUL_SHUTDOWN (RFC 8326) lowers a route's preference, which
// FRR does by itself and BIRD only when its filter says so. BIRD puts itself into the background once its
// configuration is read, so its exit status is the answer to "did it start".

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ledger } from './ledger.ts';
import { endAll, isAlive, recordPidFile } from './processes.ts';
import { flushRoutes, type Router, type RouterState } from './router.ts';
import { run, tryRun } from './shell.ts';
import { routerAs, type Topology, vipPrefix } from './topology.ts';

export function birdConfig(topology: Topology, directory: string): string {
  const { fabricSide } = topology.router;
  return `log "${join(directory, 'bird.log')}" all;
router id ${fabricSide};
timeformat protocol iso long ms;
protocol device { scan time 10; }
protocol kernel k4 {
  ipv4 { export where source = RTS_BGP; import none; };
  merge paths yes limit 16;
}
filter vips {
  if net ~ [ ${vipPrefix}{32,32} ] then {
    if (65535, 0) ~ bgp_community then bgp_local_pref = 0;
    accept;
  }
  reject;
}
template bgp balancer {
  local as ${routerAs};
  passive yes;
  hold time 9; keepalive time 3;
  connect retry time 1; error wait time 1, 4; connect delay time 1;
  direct;
}
protocol bgp from balancer {
  dynamic name "lb";
  neighbor range ${fabricSide.replace(/\d+$/, '0')}/24 external;
  local ${fabricSide};
  ipv4 { import filter vips; export none; import limit 1000 action disable; };
}
`;
}

export function birdRouter(topology: Topology, ledger: Ledger): Router {
  const { directory, namespaces } = topology;
  const paths = { config: join(directory, 'bird.conf'), control: join(directory, 'bird.ctl'), pid: join(directory, 'bird.pid') };
  const own = () => ledger.processes().filter(({ id }) => id === 'bird');
  return {
    kind: 'bird',
    async start() {
      rmSync(paths.pid, { force: true });
      writeFileSync(paths.config, birdConfig(topology, directory));
      await run(['bird', '-c', paths.config, '-s', paths.control, '-P', paths.pid], { namespace: namespaces.router });
      await recordPidFile(ledger, 'bird', paths.pid);
    },
    async stop() {
      await endAll(own(), 2_000);
      await flushRoutes(namespaces.router);
    },
    async state(): Promise<RouterState> {
      const text = (await tryRun(['birdc', '-s', paths.control, 'show', 'protocols', 'all'])) ?? '';
      return { kind: 'bird', running: own().some(isAlive), neighbours: parseProtocols(text) };
    },
  };
}

/** The neighbours in the output of `show protocols all`; BIRD 2 has no JSON. */
export function parseProtocols(text: string): RouterState['neighbours'] {
  return text
    .split(/\n(?=\S)/)
    .filter((block) => /^\S+\s+BGP\s/.test(block))
    .flatMap((block) => {
      const address = /Neighbor address:\s+(\S+)/.exec(block)?.[1];
      const state = /BGP state:\s+(\S+)/.exec(block)?.[1] ?? 'unknown';
      return address === undefined ? [] : [{ address, state, established: state === 'Established' }];
    });
}
