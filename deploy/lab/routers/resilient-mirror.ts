// Gives the router resilient next-hop groups, as good hardware has and no routing daemon sets up on Linux: `node
// resilient-mirror.js` in the router namespace. Prints "ready" when the kernel has them, then follows every change.
//
// The daemon's routes stay in the main table, untouched. For each of them there is one in a table that is asked first, whose group
// keeps its buckets when a next hop goes or comes: flows of those that stay do not move (kernel: nexthop-group-resilient). A bucket in use is
// never taken from a next hop that lives.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { run } from '../shell.ts';
import { follower } from './follow.ts';
import { type HopRow, resilientTable } from './kernel-routes.ts';

const owners = ['bgp', 'bird'] as const;
const rulePriority = 100;
const shape = 'type resilient buckets 120 idle_timer 60 unbalanced_timer 0';
/** Far from those that FRR gives out. */
const firstHopId = 0x6000_0000;
const firstGroupId = 0x6800_0000;

interface Row extends HopRow {
  readonly dst: string;
  readonly nexthops?: readonly HopRow[];
}

/** Ids of next hops by "ADDRESS dev DEVICE". */
const hopIds = new Map<string, number>();
/** By prefix: its group, and the ids in it. */
const groups = new Map<string, { readonly id: number; readonly members: string }>();
let nextGroupId = firstGroupId;

/** "ADDRESS dev DEVICE" of each next hop, by prefix with its length. */
async function daemonsRoutes(): Promise<ReadonlyMap<string, readonly string[]>> {
  const routes = new Map<string, readonly string[]>();
  for (const family of ['-4', '-6']) {
    for (const owner of owners) {
      const text = await run(['ip', family, '-j', 'route', 'show', 'table', 'main', 'proto', owner]);
      for (const row of JSON.parse(text || '[]') as readonly Row[]) {
        const hops = [row, ...(row.nexthops ?? [])].flatMap(({ gateway, via, dev }) => {
          const address = gateway ?? via?.host;
          return address === undefined ? [] : [`${address} dev ${dev ?? row.dev}`];
        });
        const prefix = row.dst.includes('/') ? row.dst : `${row.dst}/${family === '-4' ? 32 : 128}`;
        if (hops.length > 0) routes.set(prefix, hops.toSorted());
      }
    }
  }
  return routes;
}

function commandsFor(routes: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const commands: string[] = [];
  const idOf = (hop: string): number => {
    const known = hopIds.get(hop);
    if (known !== undefined) return known;
    const id = firstHopId + hopIds.size;
    hopIds.set(hop, id);
    commands.push(`nexthop replace id ${id} via ${hop}`);
    return id;
  };
  for (const [prefix, hops] of routes) {
    const members = hops.map(idOf).join('/');
    const group = groups.get(prefix);
    if (group?.members === members) continue;
    const id = group?.id ?? nextGroupId++;
    // Without its shape again: that would be a change of it.
    commands.push(`nexthop replace id ${id} group ${members} ${group === undefined ? shape : 'type resilient'}`);
    if (group === undefined) commands.push(`route replace ${prefix} nhid ${id} table ${resilientTable}`);
    groups.set(prefix, { id, members });
  }
  for (const [prefix, { id }] of groups) {
    if (routes.has(prefix)) continue;
    // Its route goes with it.
    commands.push(`nexthop del id ${id}`);
    groups.delete(prefix);
  }
  return commands;
}

async function mirror(): Promise<void> {
  const commands = commandsFor(await daemonsRoutes());
  if (commands.length === 0) return;
  try {
    await run(['ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });
  } catch {
    // The router was stopped, which flushes next hops: all of it is made anew.
    await run(['ip', '-force', '-batch', '-'], {
      input: [...groups.values()].map(({ id }) => `nexthop del id ${id}\n`).join(''),
    }).catch(() => undefined);
    groups.clear();
    hopIds.clear();
    void follow();
  }
}

const follow = follower(mirror);

for (const family of ['-4', '-6']) {
  await run(['ip', family, 'rule', 'add', 'priority', `${rulePriority}`, 'lookup', `${resilientTable}`]);
}
const monitor = spawn('ip', ['-o', 'monitor', 'route'], { stdio: ['ignore', 'pipe', 'inherit'] });
createInterface({ input: monitor.stdout }).on('line', () => void follow());
monitor.on('exit', () => process.exit(1));
await follow();
console.log('ready');
