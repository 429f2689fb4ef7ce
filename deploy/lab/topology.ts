// The lab's plan: names, addresses and links of every node, computed from a few numbers. Pure.
//
//   client ── router ──┬── fabric bridge ── balancer 1..N      (BGP, VIP traffic, IPIP out)
//                      └── rack bridge   ── backend  1..M      (IPIP in, replies straight to the client)
//
// Both bridges live in a switch namespace, so that a node can die without its router port losing carrier. Addresses
// are the same in every lab: they exist only inside the lab's namespaces, whose names carry the lab's name.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ToriiError } from '../../src/errors.ts';

export type RouterKind = 'bird' | 'frr';

export interface LabOptions {
  /** Tells labs on one machine apart: namespaces `NAME_client`, …, directory `torii-lab-NAME`. */
  readonly name: string;
  readonly balancers: number;
  readonly backends: number;
  readonly router: RouterKind;
  readonly engine: string;
}

export interface LabNode {
  readonly id: string;
  readonly namespace: string;
  readonly address: string;
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
  readonly router: { readonly clientSide: string; readonly fabricSide: string; readonly rackSide: string };
  /** The client's own addresses; requests rotate over them, so that "the backend saw the client" means something. */
  readonly clients: readonly string[];
  readonly balancers: readonly LabNode[];
  readonly backends: readonly LabNode[];
  readonly vips: { readonly acme: LabVip; readonly globex: LabVip };
}

export const defaultOptions: LabOptions = { name: 'torii', balancers: 2, backends: 3, router: 'bird', engine: 'af_packet' };

export const routerAs = 65000;
export const balancerAs = 65010;
/** Sources of the flood generator. The router throws answers to them away, as the Internet would lose them. */
export const spoofedPrefix = '198.18.0.0/15';
export const vipPrefix = '203.0.113.0/24';
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
  const nodes = (count: number, kind: string, address: (number: number) => string): readonly LabNode[] =>
    Array.from({ length: count }, (_, i) => {
      const id = `${kind}${i + 1}`;
      return { id, namespace: `${name}_${id}`, address: address(i + 1), port: id };
    });
  return {
    options,
    directory: labDirectory(name),
    namespaces: { client: `${name}_client`, router: `${name}_router`, switch: `${name}_switch` },
    router: { clientSide: '10.67.0.1', fabricSide: '10.66.0.1', rackSide: '10.68.0.1' },
    clients: Array.from({ length: 8 }, (_, i) => `10.67.0.${i + 2}`),
    balancers: nodes(options.balancers, 'lb', (n) => `10.66.0.${10 + n}`),
    backends: nodes(options.backends, 'web', (n) => `10.68.0.${20 + n}`),
    vips: {
      acme: { tenant: 'acme', address: '203.0.113.10', port: 80, pool: 'acme-web' },
      globex: { tenant: 'globex', address: '203.0.113.20', port: 80, pool: 'globex-web' },
    },
  };
}

export function labDirectory(name: string): string {
  return join(tmpdir(), `torii-lab-${name}`);
}

/** What every namespace of a lab begins with. `_` cannot occur in a lab's name, so no lab's prefix covers another's. */
export function namespacePrefix(name: string): string {
  return `${name}_`;
}
