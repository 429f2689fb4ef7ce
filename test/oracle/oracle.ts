// The packet path a second time, written from docs/packet-path.md for reading, not for speed: what an engine must do.
//
// One worker. Tests run the same packets through an engine and through this, and compare verdicts and bytes. It knows names
// where the engines have indices, so it needs no snapshot. Left out, as in the engines of this version: IPv6, prefix VIPs,
// l2 and entropy, ICMP errors and answers other than echo, fragment tracking; where a later version answers "too big" or
// "time exceeded", the packet is dropped as `oversize` or `ttl_expired`.

import { backendKey } from '../../src/model/backend.ts';
import type { Desired, DesiredBackend, DesiredVip } from '../../src/model/desired.ts';
import { type FlowEntry, type FlowKey, FlowTable, idleMs, type Place } from './flow-table.ts';
import { type Ipv4, protocols, readIpv4, readTransport, type TcpFlags } from './parse.ts';
import { answerEcho, encapsulate, outerBytes } from './rewrite.ts';
import { type Flow, Tables } from './tables.ts';
import { TokenBucket } from './token-bucket.ts';

export type Verdict = 'forward' | 'answer' | 'pass' | 'drop';
export type FlowKind = 'new' | 'known' | 'untracked' | 'none';

export interface Outcome {
  readonly verdict: Verdict;
  /** As docs/packet-path.md lists; null for forward and pass. */
  readonly reason: string | null;
  readonly vip: string | null;
  readonly tenant: string | null;
  /** Address; null unless forwarded. */
  readonly backend: string | null;
  readonly flow: FlowKind;
  readonly out: readonly Uint8Array[];
}

export interface Counters {
  readonly rx: number;
  readonly forwarded: number;
  readonly answered: number;
  readonly passed: number;
  /** By reason; reasons without a drop are left out. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly untracked: number;
  readonly evicted: number;
  readonly resteered: number;
  readonly newFlows: number;
}

interface Packet {
  readonly frame: Uint8Array;
  readonly ip: Ipv4;
  readonly flow: Flow;
  readonly tcp: TcpFlags;
  readonly vip: DesiredVip;
  readonly nowNs: bigint;
  readonly nowMs: number;
}

type Known = Place & { readonly entry: FlowEntry };

const echoRequest = 8;
const nothing = { vip: null, tenant: null, backend: null, flow: 'none', out: [] } as const;
const pass: Outcome = { ...nothing, verdict: 'pass', reason: null };
const drop = (reason: string): Outcome => ({ ...nothing, verdict: 'drop', reason });

export class Oracle {
  #tables: Tables;
  #generation = 1;
  readonly #flows: FlowTable;
  #tenants = new Map<string, TokenBucket>();
  readonly #echo: TokenBucket | undefined;
  #counters = { rx: 0, forwarded: 0, answered: 0, passed: 0, untracked: 0, evicted: 0, resteered: 0, newFlows: 0 };
  readonly #dropped: Record<string, number> = {};

  constructor(desired: Desired, { flowEntries }: { readonly flowEntries: number }) {
    this.#tables = new Tables(desired, this.#generation, undefined);
    this.#flows = new FlowTable(flowEntries);
    const { rate, burst } = desired.node.answers.echo;
    this.#echo = rate === 0 ? undefined : new TokenBucket({ perSecond: rate, burst }, 0n);
    this.#tenants = this.#bucketsFor(desired, 0n);
  }

  /** Another document; flows and buckets stay. */
  load(desired: Desired, timeNs: bigint): void {
    this.#generation++;
    const tenants = this.#bucketsFor(desired, timeNs);
    this.#tables = new Tables(desired, this.#generation, this.#tables);
    this.#tenants = tenants;
  }

  run(frame: Uint8Array, timeNs: bigint): Outcome {
    const outcome = this.#judge(frame, timeNs);
    this.#counters.rx++;
    if (outcome.verdict === 'forward') this.#counters.forwarded++;
    else if (outcome.verdict === 'answer') this.#counters.answered++;
    else if (outcome.verdict === 'pass') this.#counters.passed++;
    else this.#dropped[outcome.reason ?? ''] = (this.#dropped[outcome.reason ?? ''] ?? 0) + 1;
    return outcome;
  }

  counters(): Counters {
    return { ...this.#counters, dropped: { ...this.#dropped } };
  }

  /** Flows remembered at this time. */
  flowCount(timeNs: bigint): number {
    return this.#flows.count(msOf(timeNs));
  }

  // Steps 1 and 2: whose it is.
  #judge(frame: Uint8Array, nowNs: bigint): Outcome {
    const ip = readIpv4(frame);
    if (ip === undefined || this.#tables.vipsAt(ip.destination).length === 0) return pass;
    const transport = readTransport(frame, ip);
    if (transport.kind === 'bad') return drop(transport.reason);
    const isOwn = ip.source === this.#tables.desired.node.address;
    if (transport.kind !== 'flow') {
      if (isOwn) return drop('loop');
      if (transport.kind === 'laterFragment') return drop(ip.ttl <= 1 ? 'ttl_expired' : 'fragment_unmatched');
      const isEcho = transport.kind === 'icmp' && transport.type === echoRequest && transport.code === 0;
      return isEcho ? this.#answer(frame, ip, nowNs) : drop('icmp_other');
    }
    const flow = { ...transport, source: ip.source, destination: ip.destination, protocol: ip.protocol };
    const vip = this.#tables.vipOf(flow);
    if (vip === undefined) return drop('no_vip_port');
    const packet = { frame, ip, flow, tcp: transport.flags, vip, nowNs, nowMs: msOf(nowNs) };
    const outcome = isOwn ? drop('loop') : ip.ttl <= 1 ? drop('ttl_expired') : this.#steer(packet);
    return { ...outcome, vip: vip.name, tenant: vip.tenant };
  }

  #answer(frame: Uint8Array, ip: Ipv4, nowNs: bigint): Outcome {
    if (this.#echo?.take(nowNs) !== true) return drop('rate_limited');
    return { ...nothing, verdict: 'answer', reason: 'echo', out: [answerEcho(frame, ip)] };
  }

  // Steps 3 to 6: where it goes.
  #steer(packet: Packet): Outcome {
    const { vip, tcp, nowMs } = packet;
    const { fp: fingerprint, buckets } = this.#tables.hashOf(packet.flow);
    const key = { fingerprint, buckets };
    const known = this.#flows.find(key, nowMs);
    const place = known ?? (tcp.rst ? undefined : this.#flows.room(key, nowMs, (entry) => this.#isDispensable(entry)));
    if (!this.#admits(packet, known, place)) return drop('cps_limited');
    const begunAnew = known !== undefined && startsOver(packet, known.entry);
    const kept = known === undefined || begunAnew ? undefined : this.#keptBackend(vip, known.entry);
    if (known !== undefined && kept !== undefined) {
      this.#flows.put(known, afterPacket(packet, known.entry));
      return this.#send(packet, kept, 'known');
    }
    const backend = this.#tables.choose(vip, packet.flow);
    if (backend === undefined) return drop('no_backend');
    if (known !== undefined && !begunAnew) this.#counters.resteered++;
    return this.#send(packet, backend, this.#remember(packet, key, backend, place));
  }

  #admits({ flow, tcp, vip, nowNs }: Packet, known: Known | undefined, place: Place | undefined): boolean {
    const plan = this.#tables.desired.tenants.find(({ name }) => name === vip.tenant)?.plan;
    const isFirstUdp = flow.protocol === protocols.udp && known === undefined && place !== undefined;
    if (!isSyn(tcp) && !(isFirstUdp && plan?.udp === true)) return true;
    return this.#tenants.get(vip.tenant)?.take(nowNs) ?? true;
  }

  /** The entry's backend while it still takes this VIP's packets. */
  #keptBackend(vip: DesiredVip, entry: FlowEntry): DesiredBackend | undefined {
    const now = this.#tables.backend(entry.backend);
    if (now === undefined || now.incarnation !== entry.incarnation || !now.backend.keepsFlows) return undefined;
    return now.backend.pool === vip.pool || now.backend.pool === vip.activePool ? now.backend : undefined;
  }

  /** Inserts the flow where there is room for it; for an RST never. */
  #remember({ vip, tcp, nowMs }: Packet, key: FlowKey, backend: DesiredBackend, place: Place | undefined): FlowKind {
    if (tcp.rst) return 'none';
    if (place === undefined) {
      this.#counters.untracked++;
      return 'untracked';
    }
    const name = backendKey(backend.pool, backend.address);
    this.#flows.put(place, {
      fingerprint: key.fingerprint,
      backend: name,
      incarnation: this.#tables.backend(name)?.incarnation ?? 0,
      state: 'probation',
      isFinished: false,
      seenMs: nowMs,
      ...termsOf(vip),
    });
    this.#counters.newFlows++;
    if (place.displaces) this.#counters.evicted++;
    return 'new';
  }

  #isDispensable(entry: FlowEntry): boolean {
    const now = this.#tables.backend(entry.backend);
    if (now === undefined || now.incarnation !== entry.incarnation) return false;
    return this.#tables.choiceFor(now.backend.pool, entry.fingerprint) === now.backend;
  }

  #send({ frame, ip }: Packet, backend: DesiredBackend, flow: FlowKind): Outcome {
    const { nextHop, address } = backend;
    if (ip.totalBytes + outerBytes > (nextHop.mtuBytes ?? Infinity)) return drop('oversize');
    if (nextHop.kind === 'unresolved') return drop('no_next_hop');
    const { node } = this.#tables.desired;
    const outer = {
      source: node.address ?? '0.0.0.0',
      destination: address,
      sourceMac: node.devices.find(({ name }) => name === nextHop.device)?.mac ?? '',
      destinationMac: nextHop.mac,
    };
    return { ...nothing, verdict: 'forward', reason: null, backend: address, flow, out: [encapsulate(frame, ip, outer)] };
  }

  /** Every tenant's bucket: the one it had, full where it is new or gets its first plan. */
  #bucketsFor(desired: Desired, nowNs: bigint): Map<string, TokenBucket> {
    const buckets = new Map<string, TokenBucket>();
    for (const { name, plan } of desired.tenants) {
      if (plan === null) continue;
      const rate = { perSecond: plan.cps, burst: plan.burst };
      const known = this.#tenants.get(name);
      known?.change(rate, nowNs);
      buckets.set(name, known ?? new TokenBucket(rate, nowNs));
    }
    return buckets;
  }
}

/** A SYN that asks for admission. */
function isSyn({ syn, ack }: TcpFlags): boolean {
  return syn && !ack;
}

/** A client begins its old tuple anew: after FIN, or after a minute of silence. */
function startsOver({ tcp, nowMs }: Packet, { state, isFinished, seenMs }: FlowEntry): boolean {
  return isSyn(tcp) && state === 'established' && (isFinished || nowMs - seenMs >= idleMs);
}

/** The entry after one more packet of its flow. Whatever has SYN moves nothing but the time. */
function afterPacket({ flow, tcp, vip, nowMs }: Packet, entry: FlowEntry): FlowEntry {
  const moves = flow.protocol === protocols.udp || !tcp.syn;
  return {
    ...entry,
    ...termsOf(vip),
    state: moves ? 'established' : entry.state,
    isFinished: entry.isFinished || (moves && tcp.fin),
    seenMs: nowMs,
  };
}

/** What an entry takes over from the VIP of its latest packet. */
function termsOf({ protocol, timeouts, hash }: DesiredVip): Pick<FlowEntry, 'timeouts' | 'isHashedByTuple'> {
  const { probationSec, tcpSec, udpSec, finSec } = timeouts;
  const establishedMs = (protocol === 'tcp' ? tcpSec : udpSec) * 1000;
  return {
    timeouts: { probationMs: probationSec * 1000, establishedMs, finMs: Math.min(finSec * 1000, establishedMs) },
    isHashedByTuple: hash === '5tuple',
  };
}

function msOf(timeNs: bigint): number {
  return Number(timeNs / 1_000_000n);
}
