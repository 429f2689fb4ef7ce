// Builds the lab's namespaces, links, addresses and kernel settings, and takes the namespaces away again.
//
// Settings that decide what the lab proves:
// - ECMP hashes the 5-tuple of the packet (policy 3, fields 0x37). Policy 1 would use the sending socket's random
//   txhash, which crosses a veth, and so move flows for reasons no real router has.
// - Links between balancers and backends carry 1600 bytes; the client's carry 1500.
// - IPv6 addresses are usable at once (no duplicate address detection) and outlive their link's going down.
// - Transmit checksum and segmentation offload are off on the switch port before each balancer: what it receives is
//   what a NIC would deliver, whole checksums and no super-frames. `offload: true` leaves them on, to test just that.
// - Balancers do not forward in the kernel: only Torii can carry a packet from client to backend.
// - Backends get no VIP, tunnel, rp_filter or ARP setting: all of that is the host agent's to do.

import { readdirSync } from 'node:fs';
import { run, tryRun } from './shell.ts';
import { type Addresses, fabricMtuBytes, type LabNode, namespacePrefix, spoofedPrefix, type Topology } from './topology.ts';

export interface NetworkOptions {
  readonly offload?: boolean;
}

export function labNamespaces(name: string): readonly string[] {
  try {
    return readdirSync('/run/netns').filter((entry) => entry.startsWith(namespacePrefix(name)));
  } catch {
    return [];
  }
}

export async function buildNetwork(topology: Topology, options: NetworkOptions = {}): Promise<void> {
  const { namespaces, balancers, backends } = topology;
  const nodes = [...balancers, ...backends];
  const all = [...Object.values(namespaces), ...nodes.map((node) => node.namespace)];
  await ipBatch(all.map((namespace) => `netns add ${namespace}`));
  await ipBatch(linkCommands(topology));
  await Promise.all([
    configureSwitch(topology),
    configureRouter(topology),
    configureClient(topology),
    ...nodes.map((node) => configureLeaf(topology, node)),
  ]);
  if (options.offload !== true) {
    await Promise.all(balancers.map((node) => run(['ethtool', '-K', node.port, 'tx', 'off'], { namespace: namespaces.switch })));
  }
}

/** Deleting a namespace takes its links, routes, nft rules and attached BPF programs with it, once its programs ended. */
export async function removeNamespaces(names: readonly string[]): Promise<void> {
  for (const name of names) await tryRun(['ip', 'netns', 'del', name]);
}

function linkCommands({ namespaces, balancers, backends }: Topology): readonly string[] {
  const veth = (a: readonly [string, string], b: readonly [string, string], mtu: number) =>
    `link add name ${a[1]} mtu ${mtu} netns ${a[0]} type veth peer name ${b[1]} mtu ${mtu} netns ${b[0]}`;
  return [
    veth([namespaces.client, 'eth0'], [namespaces.router, 'clients'], 1500),
    veth([namespaces.router, 'fabric'], [namespaces.switch, 'router-f'], fabricMtuBytes),
    veth([namespaces.router, 'rack'], [namespaces.switch, 'router-r'], fabricMtuBytes),
    ...[...balancers, ...backends].map((node) => veth([node.namespace, 'eth0'], [namespaces.switch, node.port], fabricMtuBytes)),
  ];
}

async function configureSwitch({ namespaces, balancers, backends }: Topology): Promise<void> {
  const ports = (segment: LabNode['segment']) =>
    [...balancers, ...backends].filter((node) => node.segment === segment).map(({ port }) => port);
  const bridge = (name: string, members: readonly string[]) => [
    `link add ${name} mtu ${fabricMtuBytes} type bridge forward_delay 0 mcast_snooping 0`,
    ...members.map((port) => `link set ${port} master ${name} up`),
    `link set ${name} up`,
  ];
  await ipBatch(
    [...bridge('fabric', ['router-f', ...ports('fabric')]), ...bridge('rack', ['router-r', ...ports('rack')])],
    namespaces.switch,
  );
  // A switch has no packet filter. Where the kernel has one for bridges, it is on in every new namespace.
  const filters = ['iptables', 'ip6tables', 'arptables'].map((filter) => `net.bridge.bridge-nf-call-${filter}=0`);
  await run(['sysctl', '-e', '-q', '-w', ...filters], { namespace: namespaces.switch });
}

async function configureRouter({ namespaces, router }: Topology): Promise<void> {
  const namespace = namespaces.router;
  const devices = ['clients', 'fabric', 'rack'] as const;
  await setSysctls(namespace, [
    'net.ipv4.ip_forward=1',
    'net.ipv4.conf.all.send_redirects=0',
    'net.ipv4.conf.default.send_redirects=0',
    'net.ipv4.conf.all.rp_filter=0',
    'net.ipv4.conf.default.rp_filter=0',
    ...(['ipv4', 'ipv6'] as const).flatMap((family) => [
      `net.${family}.fib_multipath_hash_policy=3`,
      `net.${family}.fib_multipath_hash_fields=0x37`,
    ]),
    'net.ipv6.conf.all.forwarding=1',
    ...devices.flatMap(atOnce),
  ]);
  await ipBatch(
    [
      'link set lo up',
      ...devices.flatMap((device) => [...addAddresses(router[device], device), `link set ${device} up`]),
      `route add blackhole ${spoofedPrefix}`,
    ],
    namespace,
  );
}

async function configureClient({ namespaces, clients, router }: Topology): Promise<void> {
  await setSysctls(namespaces.client, atOnce('eth0'));
  await ipBatch(
    [
      'link set lo up',
      ...clients.flatMap((own) => addAddresses(own, 'eth0')),
      'link set eth0 up',
      ...defaultRoutes(router.clients),
    ],
    namespaces.client,
  );
  // Thousands of short connections from one address: their TIME-WAIT must not use up its ports.
  await setSysctls(namespaces.client, ['net.ipv4.ip_local_port_range=1024 65535', 'net.ipv4.tcp_tw_reuse=1']);
}

async function configureLeaf({ router }: Topology, node: LabNode): Promise<void> {
  await setSysctls(node.namespace, ['net.ipv4.ip_forward=0', 'net.ipv6.conf.all.forwarding=0', ...atOnce('eth0')]);
  await ipBatch(
    ['link set lo up', ...addAddresses(node, 'eth0'), 'link set eth0 up', ...defaultRoutes(router[node.segment])],
    node.namespace,
  );
}

function addAddresses({ address, address6 }: Addresses, device: string): readonly string[] {
  return [`addr add ${address}/24 dev ${device}`, `addr add ${address6}/64 dev ${device} nodad`];
}

/** Commands that give a namespace its way out, or give it back. */
export function defaultRoutes({ address, address6 }: Addresses): readonly string[] {
  return [`route replace default via ${address}`, `route replace default via ${address6}`];
}

/** What makes a device's IPv6 addresses, its link-local one too, usable at once and keeps them. */
function atOnce(device: string): readonly string[] {
  const settings = ['accept_dad=0', 'dad_transmits=0', 'accept_ra=0', 'router_solicitations=0', 'keep_addr_on_down=1'];
  return settings.map((setting) => `net.ipv6.conf.${device}.${setting}`);
}

export async function ipBatch(commands: readonly string[], namespace?: string): Promise<void> {
  await run(['ip', ...(namespace === undefined ? [] : ['-n', namespace]), '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

async function setSysctls(namespace: string, settings: readonly string[]): Promise<void> {
  await run(['sysctl', '-q', '-w', ...settings], { namespace });
}
