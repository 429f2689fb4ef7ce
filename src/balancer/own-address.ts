// Whether the addresses that the document gives this node are its own. Packets to backends carry them as their outer source,
// so ICMP errors on the way, and checks of strict networks, end elsewhere when they are not. Main thread.
//
// A warning and no problem: an address may come with a routing daemon that starts later.

import { networkInterfaces } from 'node:os';
import type { NodeConfig } from '../config/config.ts';
import { parseAddress } from '../model/address.ts';

type OwnAddresses = Pick<NodeConfig, 'address' | 'address6'>;
type Interfaces = Readonly<Record<string, readonly { readonly address: string }[] | undefined>>;

const lookMs = 5000;

export function foreignAddresses(node: OwnAddresses, interfaces: Interfaces): readonly string[] {
  const local = new Set(Object.values(interfaces).flatMap((each) => (each ?? []).map(({ address }) => canonical(address))));
  return (['address', 'address6'] as const).flatMap((key) => {
    const address = node[key];
    return address === null || local.has(canonical(address))
      ? []
      : [`node.${key}: ${address} is on no interface of this machine that is up`];
  });
}

function canonical(address: string): string {
  return parseAddress(address) ?? address;
}

/** Looks anew every few seconds at most, since reading all addresses takes time that is main's. */
export class OwnAddressWatch {
  readonly #onNew: (warning: string) => void;
  #node: OwnAddresses | null = null;
  #warnings: readonly string[] = [];
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(onNew: (warning: string) => void) {
    this.#onNew = onNew;
  }

  follow(node: OwnAddresses): void {
    this.#node = node;
    this.#lookedAtMs = Number.NEGATIVE_INFINITY;
    this.warnings();
  }

  warnings(): readonly string[] {
    const now = performance.now();
    if (this.#node === null || now - this.#lookedAtMs < lookMs) return this.#warnings;
    this.#lookedAtMs = now;
    const before = this.#warnings;
    this.#warnings = foreignAddresses(this.#node, networkInterfaces());
    for (const warning of this.#warnings) if (!before.includes(warning)) this.#onNew(warning);
    return this.#warnings;
  }
}
