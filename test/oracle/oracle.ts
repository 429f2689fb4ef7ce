// The packet path a second time, written from docs/packet-path.md for reading, not for speed: what an engine must do.
//
// One worker. Tests run the same packets through an engine and through this, and compare verdicts and bytes. It knows names
// where the engines have indices, so it needs no snapshot. Left out, as it needs a device or an agent: `denied`, `overload`,
// `tx_full`.

import { backendKey } from '../../src/model/backend.ts';
import type { AnswerRate, Desired, DesiredBackend, DesiredVip } from '../../src/model/desired.ts';
import { answerEcho, answerError, type ErrorMessage, echoTypes, mayBeTold, timeExceeded, tooBig } from './answers.ts';
import { entropySource, isEntropySource } from './entropy.ts';
import { type FlowEntry, type FlowKey, FlowTable, idleMs, type Place } from './flow-table.ts';
import { type FragmentRecord, FragmentTable } from './fragment-table.ts';
import { type Ip, readIp } from './ip.ts';
import { protocols, readQuote, readTransport, type TcpFlags, type Transport } from './parse.ts';
import { Paths, readPathError } from './paths.ts';
import { encapsulate, encapsulatePieces, overheadOf } from './rewrite.ts';
import { type Flow, Tables } from './tables.ts';
import { TokenBucket } from './token-bucket.ts';

export type Verdict = 'forward' | 'answer' | 'pass' | 'drop';
export type FlowKind = 'new' | 'known' | 'untracked' | 'none';

export interface Outcome {
  readonly verdict: Verdict;
  /** As PACKET-PATH.md lists; null for forward and pass. */
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

/** A packet to a VIP address, on its way. */
interface Arrival {
  readonly frame: Uint8Array;
  readonly ip: Ip;
  readonly nowNs: bigint;
  readonly nowMs: number;
  /** Whether its sender may be sent an ICMP error about it. */
  readonly mayBeAnswered: boolean;
}

interface Packet extends Arrival {
  readonly flow: Flow;
  readonly tcp: TcpFlags;
  readonly vip: DesiredVip;
}

interface Way {
  readonly vip: DesiredVip;
  readonly backend: DesiredBackend;
  readonly flow: FlowKind;
  readonly fingerprint: bigint;
}

type Known = Place & { readonly entry: FlowEntry };
type Icmp = Extract<Transport, { readonly kind: 'icmp' }>;
type LaterFragment = Extract<Transport, { readonly kind: 'laterFragment' }>;
type AnswerKind = 'echo' | 'tooBig' | 'timeExceeded';

const errorTypes = { 4: [3, 11, 12], 6: [1, 2, 3, 4] } as const;
/** Multicast listener and neighbour discovery. */
const linkTypes = [130, 131, 132, 133, 134, 135, 136, 137, 143];
const fragmentProtocols = { ipv4: 0x100, ipv6: 0x200 } as const;
const icmpBytes = 8;
const nothing = { vip: null, tenant: null, backend: null, flow: 'none', out: [] } as const;
const pass: Outcome = { ...nothing, verdict: 'pass', reason: null };
const drop = (reason: string): Outcome => ({ ...nothing, verdict: 'drop', reason });
const answer = (reason: string, frame: Uint8Array): Outcome => ({ ...nothing, verdict: 'answer', reason, out: [frame] });

export class Oracle {
  #tables: Tables;
  #generation = 1;
  readonly #flows: FlowTable;
  readonly #fragments = new FragmentTable();
  readonly #paths = new Paths();
  #tenants = new Map<string, TokenBucket>();
  readonly #answers: Readonly<Record<AnswerKind, TokenBucket | undefined>>;
  #counters = { rx: 0, forwarded: 0, answered: 0, passed: 0, untracked: 0, evicted: 0, resteered: 0, newFlows: 0 };
  readonly #dropped: Record<string, number> = {};

  /** Rates of answers are those of the first document. */
  constructor(desired: Desired, { flowEntries }: { readonly flowEntries: number }) {
    this.#tables = new Tables(desired, this.#generation, undefined);
    this.#flows = new FlowTable(flowEntries);
    const { echo, tooBig: big, timeExceeded: expired } = desired.node.answers;
    this.#answers = { echo: bucketOf(echo), tooBig: bucketOf(big), timeExceeded: bucketOf(expired) };
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
    const ip = readIp(frame);
    if (ip === undefined) return pass;
    const transport = readTransport(frame, ip);
    if (this.#tables.vipsAt(ip.destination).length === 0) {
      if (transport.kind === 'icmp') this.#readError(frame, ip, transport, nowNs);
      return pass;
    }
    if (transport.kind === 'bad') return drop(transport.reason);
    const arrival = { frame, ip, nowNs, nowMs: msOf(nowNs), mayBeAnswered: mayBeTold(ip) };
    if (transport.kind === 'icmp') return this.#icmp(arrival, transport);
    if (transport.kind === 'icmpFragment') return drop(this.#isOwn(ip.source, ip) ? 'loop' : 'icmp_other');
    if (transport.kind === 'laterFragment') return this.#laterFragment({ ...arrival, mayBeAnswered: false }, transport);
    const flow = { ...transport, source: ip.source, destination: ip.destination };
    const vip = this.#tables.vipOf(flow);
    if (vip === undefined) return drop('no_vip_port');
    const packet = { ...arrival, flow, tcp: transport.flags, vip };
    if (this.#isOwn(ip.source, ip)) return of(vip, drop('loop'));
    return of(vip, ip.ttl <= 1 ? this.#expired(arrival) : this.#steer(packet, transport.firstFragment));
  }

  /** An outer source of this node. */
  #isOwn(address: string, { family }: Ip): boolean {
    const { node } = this.#tables.desired;
    return address === (family === 4 ? node.address : node.address6) || isEntropySource(node.entropy, address);
  }

  #icmp(arrival: Arrival, message: Icmp): Outcome {
    const { frame, ip, nowNs } = arrival;
    const { type, code, at } = message;
    if (ip.family === 6 && linkTypes.includes(type)) return pass;
    if (this.#isOwn(ip.source, ip)) return drop('loop');
    if (isError(ip, type)) return this.#steerError({ ...arrival, mayBeAnswered: false }, message);
    if (type !== echoTypes[ip.family].request || code !== 0) return drop('icmp_other');
    return this.#answers.echo?.take(nowNs) === true ? answer('echo', answerEcho(frame, ip, at)) : drop('rate_limited');
  }

  /** The quote is the backend's reply: its flow is the other way round. */
  #steerError(arrival: Arrival, { at }: Icmp): Outcome {
    const { frame, ip, nowMs } = arrival;
    const quote = readQuote(frame, ip, ip.offset + at + icmpBytes);
    if (quote === undefined || quote.source !== ip.destination) return drop('icmp_other');
    const flow = {
      source: quote.destination,
      destination: quote.source,
      sourcePort: quote.destinationPort,
      destinationPort: quote.sourcePort,
      protocol: quote.protocol,
    };
    const vip = this.#tables.vipOf(flow);
    if (vip === undefined) return drop('no_vip_port');
    if (ip.ttl <= 1) return of(vip, this.#expired(arrival));
    const key = this.#keyOf(flow);
    const known = this.#flows.find(key, nowMs);
    const kept = known && this.#keptBackend(vip, known.entry);
    const backend = kept ?? this.#tables.choose(vip, flow);
    if (backend === undefined) return of(vip, drop('no_backend'));
    const { fingerprint } = key;
    return of(vip, this.#send(arrival, { vip, backend, flow: kept === undefined ? 'none' : 'known', fingerprint }));
  }

  #laterFragment(arrival: Arrival, { protocol, id }: LaterFragment): Outcome {
    const { ip, nowMs } = arrival;
    if (this.#isOwn(ip.source, ip)) return drop('loop');
    const key = this.#fragmentKey(ip, protocol, id);
    const { fingerprint } = key;
    const known = this.#firstOf(this.#fragments.find(key, nowMs));
    if (known !== undefined) {
      const { vip, backend } = known;
      if (ip.ttl <= 1) return of(vip, this.#expired(arrival));
      return of(vip, this.#send(arrival, { vip, backend, flow: 'known', fingerprint }));
    }
    if (ip.ttl <= 1) return this.#expired(arrival);
    const speaker = this.#tables.speakerAt(ip.destination, protocol);
    if (speaker === undefined) return drop('fragment_unmatched');
    const { source, destination } = ip;
    const backend = this.#tables.choose(speaker, { source, destination, sourcePort: 0, destinationPort: 0, protocol });
    if (backend === undefined) return of(speaker, drop('no_backend'));
    return of(speaker, this.#send(arrival, { vip: speaker, backend, flow: 'none', fingerprint }));
  }

  /** Where the first fragment went, while its VIP is there and its backend keeps flows. */
  #firstOf(record: FragmentRecord | undefined): Pick<Way, 'vip' | 'backend'> | undefined {
    const vip = record && this.#tables.vip(record.vip);
    const first = record && this.#tables.backend(record.backend);
    if (vip?.life !== record?.vipLife || first?.incarnation !== record?.backendLife) return undefined;
    return vip && first?.backend.keepsFlows ? { vip: vip.vip, backend: first.backend } : undefined;
  }

  // Steps 3 to 6: where it goes.
  #steer(packet: Packet, firstFragment: number | null): Outcome {
    const { ip, flow, vip, nowMs } = packet;
    const key = this.#keyOf(flow);
    const way = this.#choose(packet, key);
    if ('verdict' in way) return way;
    if (firstFragment !== null) {
      const backend = backendKey(way.backend.pool, way.backend.address);
      const lives = {
        vipLife: this.#tables.vip(vip.name)?.life ?? 0,
        backendLife: this.#tables.backend(backend)?.incarnation ?? 0,
      };
      this.#fragments.put(this.#fragmentKey(ip, flow.protocol, firstFragment), { vip: vip.name, backend, ...lives }, nowMs);
    }
    return this.#send(packet, { ...way, vip, fingerprint: key.fingerprint });
  }

  #choose(packet: Packet, key: FlowKey): Outcome | Pick<Way, 'backend' | 'flow'> {
    const { vip, tcp, nowMs } = packet;
    const known = this.#flows.find(key, nowMs);
    const place = known ?? (tcp.rst ? undefined : this.#flows.room(key, nowMs, (entry) => this.#isDispensable(entry)));
    if (!this.#admits(packet, known, place)) return drop('cps_limited');
    const begunAnew = known !== undefined && startsOver(packet, known.entry);
    const kept = known === undefined || begunAnew ? undefined : this.#keptBackend(vip, known.entry);
    if (known !== undefined && kept !== undefined) {
      this.#flows.put(known, afterPacket(packet, known.entry));
      return { backend: kept, flow: 'known' };
    }
    const backend = this.#tables.choose(vip, packet.flow);
    if (backend === undefined) return drop('no_backend');
    if (known !== undefined && !begunAnew) this.#counters.resteered++;
    return { backend, flow: this.#remember(packet, key, backend, place) };
  }

  #keyOf(flow: Flow): FlowKey {
    const { fp: fingerprint, buckets } = this.#tables.hashOf(flow);
    return { fingerprint, buckets };
  }

  /** RFC 791: source, destination, id, protocol; RFC 8200 4.5: without the protocol. The id stands where a flow has its ports. */
  #fragmentKey({ family, source, destination }: Ip, protocol: number, id: number): FlowKey {
    const ends = { source, destination };
    return family === 4
      ? this.#keyOf({ ...ends, sourcePort: id, destinationPort: 0, protocol: fragmentProtocols.ipv4 | protocol })
      : this.#keyOf({ ...ends, sourcePort: id >>> 16, destinationPort: id & 0xffff, protocol: fragmentProtocols.ipv6 });
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

  /** Inserts the flow where there is room for it. */
  #remember({ vip, tcp, nowMs }: Packet, key: FlowKey, backend: DesiredBackend, place: Place | undefined): FlowKind {
    if (place === undefined) {
      if (!tcp.rst) this.#counters.untracked++;
      return tcp.rst ? 'none' : 'untracked';
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

  #send(arrival: Arrival, { vip, backend, flow, fingerprint }: Way): Outcome {
    const { frame, ip } = arrival;
    const { nextHop, address } = backend;
    if (nextHop.kind === 'unresolved') return drop('no_next_hop');
    const { node } = this.#tables.desired;
    const outer = {
      encap: vip.encap,
      source: this.#outerSource(vip, address, fingerprint),
      destination: address,
      sourceMac: node.devices.find(({ name }) => name === nextHop.device)?.mac ?? '',
      destinationMac: nextHop.mac,
    };
    const room = this.#paths.mtuOf(backend, this.#lifeOf(backend), secOf(arrival.nowNs)) - overheadOf(outer);
    const forward = (out: readonly Uint8Array[]): Outcome => ({
      ...nothing,
      verdict: 'forward',
      reason: null,
      backend: address,
      flow,
      out,
    });
    if (ip.totalBytes <= room) return forward([encapsulate(frame, ip, outer)]);
    if (ip.isWhole) return this.#tell(arrival, 'tooBig', tooBig(ip, Math.max(room, 0)));
    const pieces = encapsulatePieces(frame, ip, outer, room);
    return pieces === undefined ? drop('oversize') : forward(pieces);
  }

  #outerSource({ entropy }: DesiredVip, backend: string, fingerprint: bigint): string {
    const { node } = this.#tables.desired;
    const chosen = entropy ? entropySource(node.entropy, backend, fingerprint) : undefined;
    return chosen ?? (backend.includes(':') ? (node.address6 ?? '::') : (node.address ?? '0.0.0.0'));
  }

  #expired(arrival: Arrival): Outcome {
    const { address, address6 } = this.#tables.desired.node;
    const from = arrival.ip.family === 4 ? address : address6;
    return from === null ? drop('ttl_expired') : this.#tell(arrival, 'timeExceeded', timeExceeded(arrival.ip, from));
  }

  #tell({ frame, ip, nowNs, mayBeAnswered }: Arrival, kind: 'tooBig' | 'timeExceeded', message: ErrorMessage): Outcome {
    if (!mayBeAnswered) return drop(kind === 'tooBig' ? 'oversize' : 'ttl_expired');
    if (this.#answers[kind]?.take(nowNs) !== true) return drop('rate_limited');
    return answer(kind === 'tooBig' ? 'too_big' : 'ttl_expired', answerError(frame, ip, message));
  }

  /** An error about an outer packet of ours, on its way to the kernel. */
  #readError(frame: Uint8Array, ip: Ip, { type, code, at }: Icmp, nowNs: bigint): void {
    const told = readPathError(frame, ip, { type, code, at });
    if (told === undefined || !this.#isOwn(ip.destination, ip)) return;
    for (const backend of this.#tables.backendsAt(told.backend)) {
      const words = { mtuBytes: told.mtuBytes, nowSec: secOf(nowNs) };
      this.#paths.tell(this.#tables.desired, backend, this.#lifeOf(backend), words);
    }
  }

  #lifeOf({ pool, address }: DesiredBackend): number {
    return this.#tables.backend(backendKey(pool, address))?.incarnation ?? 0;
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

function of({ name, tenant }: DesiredVip, outcome: Outcome): Outcome {
  return { ...outcome, vip: name, tenant };
}

function isError({ family }: Ip, type: number): boolean {
  return errorTypes[family].some((number) => number === type);
}

function bucketOf({ rate, burst }: AnswerRate): TokenBucket | undefined {
  return rate === 0 ? undefined : new TokenBucket({ perSecond: rate, burst }, 0n);
}

function secOf(timeNs: bigint): number {
  return Number(timeNs / 1_000_000_000n);
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
    timeouts: { probationMs: probationSec * 1000, establishedMs, finMs: finSec * 1000 },
    isHashedByTuple: hash === '5tuple',
  };
}

function msOf(timeNs: bigint): number {
  return Number(timeNs / 1_000_000n);
}
