// Puts GoBGP's multipath routes into the kernel, which GoBGP does by zebra alone: `node gobgp-mirror.js` in the router
// namespace, beside gobgpd. Prints "ready" when the kernel has what GoBGP has, then follows every change.
//
// What this program never installed it never removes. Ends when gobgpd does.

import { spawn } from 'node:child_process';
import { run } from '../shell.ts';
import { follower } from './follow.ts';
import { multipath, parseRib } from './gobgp-json.ts';
import { isIpv6 } from './router.ts';

const families = ['ipv4', 'ipv6'] as const;

/** Next hops by prefix, as in the kernel. */
const installed = new Map<string, string>();

/** `via inet A` or `nexthop via inet6 A nexthop via inet6 B` by prefix. */
async function wanted(): Promise<ReadonlyMap<string, string>> {
  const routes = new Map<string, string>();
  for (const family of families) {
    const rib = parseRib(await run(['gobgp', '-j', 'global', 'rib', '-a', family]));
    for (const [prefix, paths] of Object.entries(rib)) {
      const hops = multipath(paths);
      if (hops.length > 0)
        routes.set(prefix, hops.map((hop) => (hops.length === 1 ? via(hop) : `nexthop ${via(hop)}`)).join(' '));
    }
  }
  return routes;
}

/** With its family, which need not be the prefix's. */
function via(hop: string): string {
  return `via ${isIpv6(hop) ? 'inet6' : 'inet'} ${hop}`;
}

async function mirror(): Promise<void> {
  const routes = await wanted();
  const commands = [
    ...[...installed.keys()].filter((prefix) => !routes.has(prefix)).map((prefix) => `route del ${prefix} proto bgp`),
    ...[...routes]
      .filter(([prefix, hops]) => installed.get(prefix) !== hops)
      .map(([prefix, hops]) => `route replace ${prefix} proto bgp ${hops}`),
  ];
  if (commands.length > 0) await run(['ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });
  installed.clear();
  for (const [prefix, hops] of routes) installed.set(prefix, hops);
}

const follow = follower(mirror);

for (const family of families) {
  const monitor = spawn('gobgp', ['-j', 'monitor', 'global', 'rib', '-a', family], { stdio: ['ignore', 'pipe', 'inherit'] });
  monitor.stdout.on('data', () => void follow());
  monitor.on('exit', () => process.exit(0));
}
await follow();
console.log('ready');
