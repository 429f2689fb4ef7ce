// Which balancer the router sends each of many flows to, by real packets: one from each source port, looked for at every balancer.
//
// The switch's kernel notes the source ports on the balancers' ports (nftables), so nothing here is lost in a slow reader, and no
// balancer's engine can take packets away before they are noted.

import { ToriiError } from '../../src/errors.ts';
import type { Lab } from './lab.ts';
import { builtFile } from './programs.ts';
import { isIpv6 } from './routers/router.ts';
import { run } from './shell.ts';
import type { LabNode } from './topology.ts';
import { until } from './until.ts';

/** No VIP's: balancers let such packets be. */
const port = 9;
const firstSource = 20_000;
const flows = 600;

/** The balancer's id by source port. */
export type Census = ReadonlyMap<number, string>;

export async function flowCensus(lab: Lab, address: string): Promise<Census> {
  const nodes = lab.balancers.map(({ node }) => node);
  const namespace = lab.topology.namespaces.switch;
  await Promise.all(nodes.map(listen));
  try {
    const program = [process.execPath, builtFile('deploy/lab/traffic/udp-flows.js')];
    const words = [address, port, firstSource, flows].map(String);
    await run([...program, ...words], { namespace: lab.topology.namespaces.client });
    return await until(() => heard(nodes, namespace), {
      what: `${flows} flows to ${address} at the balancers`,
      timeoutMs: 10_000,
    });
  } finally {
    await Promise.all(nodes.map(async (node) => await run(['nft', 'delete', 'table', 'netdev', tableOf(node)], { namespace })));
  }

  async function listen(node: LabNode): Promise<void> {
    const destination = `${isIpv6(address) ? 'ip6' : 'ip'} daddr ${address}`;
    const input = `table netdev ${tableOf(node)} {
  set sources { type inet_service; size 4096; flags dynamic; }
  chain heard {
    type filter hook egress device "${node.port}" priority 0;
    ${destination} udp dport ${port} add @sources { udp sport }
  }
}
`;
    await run(['nft', '-f', '-'], { namespace, input });
  }
}

function tableOf({ port: device }: LabNode): string {
  return `census_${device}`;
}

async function heard(nodes: readonly LabNode[], namespace: string): Promise<Census | undefined> {
  const census = new Map<number, string>();
  for (const node of nodes) {
    const text = await run(['nft', '-j', 'list', 'set', 'netdev', tableOf(node), 'sources'], { namespace });
    for (const source of sourcesIn(text)) {
      const other = census.get(source);
      if (other !== undefined) throw new ToriiError('internal', `source port ${source} came to ${other} and to ${node.id}`);
      census.set(source, node.id);
    }
  }
  return census.size === flows ? census : undefined;
}

function sourcesIn(text: string): readonly number[] {
  const { nftables } = JSON.parse(text) as {
    readonly nftables: readonly { readonly set?: { readonly elem?: readonly number[] } }[];
  };
  return nftables.flatMap(({ set }) => set?.elem ?? []);
}

/** Flows of balancers that are in both, and of those how many are no longer where they were. */
export function movedBetween(before: Census, after: Census): { readonly stayed: number; readonly moved: number } {
  const living = new Set(after.values());
  const concerned = [...before].filter(([, id]) => living.has(id));
  const moved = concerned.filter(([source, id]) => after.get(source) !== id).length;
  return { stayed: concerned.length - moved, moved };
}
