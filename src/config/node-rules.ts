// Rules of the document's node section: what this machine needs for what the cluster part asks of it. Pure.

import {
  type Family,
  familyOf,
  maskAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  parseScopedAddress,
} from '../model/address.ts';
import { checkExabgp } from './exabgp-rules.ts';
import { type Path, pathText } from './problem.ts';
import type { Report } from './report.ts';
import type { Document, DocumentPeer, DocumentVip } from './schema.ts';
import { checkSession } from './session-rules.ts';

/** `isVip` tells whether an address belongs to a VIP of the document. */
export function checkNode(document: Document, isVip: (address: string) => boolean, report: Report): void {
  const { node } = document;
  checkBalancer(document, report);
  for (const key of ['address', 'address6'] as const) {
    const address = parseAddress(node[key] ?? '');
    if (address !== undefined && isVip(address)) report.problem(['node', key], 'an address that is no VIP');
  }
  for (const key of ['prefix', 'prefix6'] as const) {
    const prefix = parsePrefix(node.entropy?.[key] ?? '');
    const isShared = prefix !== undefined && forwarded(document).some((vip) => overlaps(vip, prefix));
    if (isShared) report.problem(['node', 'entropy', key], 'a prefix that no VIP is part of');
  }
  checkUnique(node.devices, { key: 'name', path: ['node', 'devices'], expected: 'a device that' }, report);
  checkApi(node.api.listen, report);
  if (node.bgp === undefined) return;
  if (node.bgp.routerId === undefined && node.address === undefined) {
    report.problem(['node', 'bgp', 'routerId'], 'a router id, here or as node.address');
  }
  if (node.bgp.speaker === 'exabgp') checkExabgp(document, report);
  const expected = 'an address, by which a peer is known, that';
  checkUnique(node.bgp.peers, { key: 'address', path: ['node', 'bgp', 'peers'], expected }, report);
  for (const [i, peer] of node.bgp.peers.entries()) {
    const path = ['node', 'bgp', 'peers', i];
    checkPeer(peer, path, node.bgp.listen !== undefined, report);
    checkSession(peer, node, path, report);
  }
}

function forwarded({ tenants }: Document): readonly Prefix[] {
  const vips = tenants.flatMap((tenant) => tenant.vips.filter(({ mode }) => mode === 'forward'));
  return vips.flatMap(({ address }) => parsePrefix(address) ?? []);
}

function overlaps(a: Prefix, b: Prefix): boolean {
  const length = Math.min(a.length, b.length);
  return familyOf(a.address) === familyOf(b.address) && maskAddress(a.address, length) === maskAddress(b.address, length);
}

function checkBalancer(document: Document, report: Report): void {
  const modes = modesOf(document);
  if (modes.has('forward')) checkOuterSources(document, report);
  // On a backend host the same document feeds `torii host`, which neither forwards nor announces.
  if (modes.size === 0 || isBackend(document)) return;
  if (modes.has('forward') && document.node.devices.length === 0) {
    const announced = modes.has('local') ? 'only mode: local VIPs are announced' : 'no VIP announced';
    report.warn(['node', 'devices'], `absent, so nothing is forwarded and ${announced}`);
  }
  if (document.node.bgp === undefined) report.warn(['node', 'bgp'], 'absent, so no router learns of the VIPs');
}

function modesOf({ tenants }: Document): ReadonlySet<DocumentVip['mode']> {
  const modes = new Set<DocumentVip['mode']>();
  for (const { vips } of tenants) for (const { mode } of vips) modes.add(mode);
  return modes;
}

function checkOuterSources(document: Document, report: Report): void {
  const families = new Set<Family>();
  for (const { backends } of Object.values(document.pools)) for (const { address } of backends) families.add(familyOf(address));
  if (families.has(4) && document.node.address === undefined) {
    report.problem(['node', 'address'], 'an IPv4 address: the outer source of encapsulated packets');
  }
  if (families.has(6) && document.node.address6 === undefined) {
    report.problem(['node', 'address6'], 'an IPv6 address: the outer source of packets to IPv6 backends');
  }
  checkEntropy(document, families, report);
}

/** The VIPs are the cluster's and the prefixes are this node's, so it works without; but not as somebody wanted it. */
function checkEntropy({ node, tenants }: Document, families: ReadonlySet<Family>, report: Report): void {
  if (!tenants.some(({ vips }) => vips.some(({ entropy, encap }) => entropy && encap === 'ipip'))) return;
  const keys = { 4: 'prefix', 6: 'prefix6' } as const;
  for (const family of families) {
    const key = keys[family];
    if (node.entropy?.[key] !== undefined) continue;
    const one = `the one address of this node is the outer source of packets to IPv${family} backends`;
    report.warn(['node', 'entropy', key], `absent, so ${one}, also of VIPs with entropy`);
  }
}

/** Whether this machine is a backend of the document. */
function isBackend({ node, pools }: Document): boolean {
  const own = new Set([node.address, node.address6].flatMap((address) => parseAddress(address ?? '') ?? []));
  return Object.values(pools).some(({ backends }) => backends.some(({ address }) => own.has(parseAddress(address) ?? address)));
}

function checkPeer(peer: DocumentPeer, path: Path, isListening: boolean, report: Report): void {
  if (peer.localAddress !== undefined && familyOf(peer.localAddress) !== familyOf(peer.address)) {
    report.problem([...path, 'localAddress'], `an IPv${familyOf(peer.address)} address, as the peer's own`);
  }
  if (peer.ttlSecurity !== undefined && peer.multihop !== undefined)
    report.problem([...path, 'multihop'], 'no multihop beside ttlSecurity, which says itself how far away the peer may be');
  if (peer.passive && !isListening)
    report.problem([...path, 'passive'], 'false, since node.bgp.listen is absent and the peer could not call');
  if (peer.bfd !== undefined && (peer.multihop ?? 1) > 1)
    report.problem([...path, 'bfd'], 'no bfd, which is for peers on the own link, since multihop says it is further away');
}

function checkApi(listen: string, report: Report): void {
  const path: Path = ['node', 'api', 'listen'];
  const { address, port } = splitListen(listen);
  const canonical = parseAddress(address);
  if (canonical === undefined || port < 1 || port > 65535) report.problem(path, 'ADDRESS:PORT, like 127.0.0.1:8470');
  else if (!canonical.startsWith('127.') && canonical !== '::1') {
    report.problem(path, 'a loopback address (any other needs TLS, which this version does not have)');
  }
}

/** "127.0.0.1:8470" or "[::1]:8470" apart. */
export function splitListen(listen: string): { readonly address: string; readonly port: number } {
  const colon = listen.lastIndexOf(':');
  return { address: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) };
}

interface UniqueKey<Key extends string> {
  readonly key: Key;
  /** Of the list. */
  readonly path: Path;
  /** Followed by the place that has the same. */
  readonly expected: string;
}

function checkUnique<Key extends string>(
  items: readonly { readonly [K in Key]: string }[],
  { key, path, expected }: UniqueKey<Key>,
  report: Report,
): void {
  const seen = new Map<string, number>();
  for (const [i, item] of items.entries()) {
    const value = parseScopedAddress(item[key]) ?? item[key];
    const first = seen.get(value);
    if (first !== undefined) report.problem([...path, i, key], `${expected} ${pathText([...path, first])} does not have`);
    else seen.set(value, i);
  }
}
