// The lab's plan: names, addresses and links of every node, computed from a few numbers. Pure.
//
//   client ── router ──┬── fabric bridge ── balancer 1..N      (BGP, VIP traffic, IPIP out)
//                      └── rack bridge   ── backend  1..M      (IPIP in, replies straight to the client)
//
// Both bridges live in a switch namespace, so that a node can die without its router port losing carrier. Everything has
// an IPv4 and an IPv6 address. Addresses are the same in every lab: they exist only inside the lab's namespaces, whose
// names carry the lab's name.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ToriiError } from '../../src/errors.ts';

export const routerKinds = ['bird', 'frr', 'gobgp'] as const;
export type RouterKind = (typeof routerKinds)[number];

export interface LabOptions {
  /** Tells labs on one machine apart: namespaces `NAME_client`, …, directory `torii-lab-NAME`. */
  readonly name: string;
  readonly balancers: number;
  readonly backends: number;
  readonly router: RouterKind;
  readonly engine: string;
  /** Where the backends are: behind the router, or on the balancers' own segment (what `encap: l2` needs). */
  readonly backendsOn: Segment;
  /** What the router does with flows when next hops come and go: plain hashing moves some of every balancer's. */
  readonly ecmp: EcmpKind;
}

export const ecmpKinds = ['plain', 'resilient'] as const;
export type EcmpKind = (typeof ecmpKinds)[number];

export type Segment = 'fabric' | 'rack';

/** An IPv4 and an IPv6 address of the same thing. */
export interface Addresses {
  readonly address: string;
  readonly address6: string;
}

export interface LabNode extends Addresses {
  readonly id: string;
  readonly namespace: string;
  readonly segment: Segment;
  /** The bridge port that leads to it, in the switch namespace. */
  readonly port: string;
}

export interface LabVip {
  readonly tenant: string;
  readonly address: string;
  readonly port: number;
  readonly pool: string;
}

export interface Topology {
  readonly options: LabOptions;
  readonly directory: string;
  readonly namespaces: { readonly client: string; readonly router: string; readonly switch: string };
  /** The router's own addresses, by its device. */
  readonly router: Readonly<Record<Segment | 'clients', Addresses>>;
  /** The client's own addresses; requests rotate over them, so that "the backend saw the client" means something. */
  readonly clients: readonly Addresses[];
  readonly balancers: readonly LabNode[];
  readonly backends: readonly LabNode[];
  readonly vips: { readonly acme: LabVip; readonly globex: LabVip };
}

export const defaultOptions: LabOptions = {
  name: 'torii',
  balancers: 2,
  backends: 3,
  router: 'bird',
  engine: 'auto',
  backendsOn: 'rack',
  ecmp: 'plain',
};

export const routerAs = 65000;
export const balancerAs = 65010;
/** Sources of the flood generator. The router throws answers to them away, as the Internet would lose them. */
export const spoofedPrefix = '198.18.0.0/15';
export const vipPrefix = '203.0.113.0/24';
export const vipPrefix6 = '2001:db8:cafe::/64';
/** Room for an outer header on top of a client's 1500 bytes (20 for IPv4, 40 for IPv6). */
export const fabricMtuBytes = 1600;

export const maxNodes = 100;

export function planTopology(partial: Partial<LabOptions> = {}): Topology {
  const options = { ...defaultOptions, ...partial };
  const { name } = options;
  if (!/^[a-z][a-z0-9-]{0,23}$/.test(name)) {
    throw new ToriiError(
      'usage',
      `lab name: expected up to 24 of a-z, 0-9 and -, beginning with a letter, got ${JSON.stringify(name)}`,
    );
  }
  for (const what of ['balancers', 'backends'] as const) {
    if (!Number.isInteger(options[what]) || options[what] < 1 || options[what] > maxNodes) {
      throw new ToriiError('usage', `--${what}: expected 1..${maxNodes}, got ${options[what]}`);
    }
  }
  const { backendsOn } = options;
  return {
    options,
    directory: labDirectory(name),
    namespaces: { client: `${name}_client`, router: `${name}_router`, switch: `${name}_switch` },
    router: { clients: addressesOn('clients', 1), fabric: addressesOn('fabric', 1), rack: addressesOn('rack', 1) },
    clients: Array.from({ length: 8 }, (_, i) => addressesOn('clients', i + 2)),
    balancers: plan(options.balancers, (n) => node(name, `lb${n}`, 'fabric', 10 + n)),
    backends: plan(options.backends, (n) => node(name, `web${n}`, backendsOn, backendsOn === 'fabric' ? 120 + n : 20 + n)),
    vips: {
      acme: { tenant: 'acme', address: '203.0.113.10', port: 80, pool: 'acme-web' },
      globex: { tenant: 'globex', address: '203.0.113.20', port: 80, pool: 'globex-web' },
    },
  };
}

function plan(count: number, make: (number: number) => LabNode): readonly LabNode[] {
  return Array.from({ length: count }, (_, i) => make(i + 1));
}

function node(lab: string, id: string, segment: Segment, host: number): LabNode {
  return { id, namespace: `${lab}_${id}`, port: id, segment, ...addressesOn(segment, host) };
}

const networks: Readonly<Record<Segment | 'clients', number>> = { fabric: 66, clients: 67, rack: 68 };

/** The IPv6 address shows the digits of the IPv4 one: 10.66.0.11 is fd66::11. Both networks are /24 and /64. */
function addressesOn(network: Segment | 'clients', host: number): Addresses {
  return { address: `10.${networks[network]}.0.${host}`, address6: `fd${networks[network]}::${host}` };
}

export function labDirectory(name: string): string {
  return join(tmpdir(), `torii-lab-${name}`);
}

/** What every namespace of a lab begins with. `_` cannot occur in a lab's name, so no lab's prefix covers another's. */
export function namespacePrefix(name: string): string {
  return `${name}_`;
}
