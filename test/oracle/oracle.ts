// The packet path a second time, written from docs/packet-path.md for reading, not for speed: what an engine must do.
//
// One worker. Tests run the same packets through an engine and through this, and compare verdicts and bytes. It knows names
// where the engines have indices, so it needs no snapshot. Left out, as it needs a device or an agent: `denied`, `overload`,
// `tx_full`.

import { backendKey } from '../../src/model/backend.ts';
import type { Desired } from '../../src/model/desired.ts';
import { answerEcho, echoTypes, mayBeTold } from './answers.ts';
import type { FlowKey } from './flow-table.ts';
import { type FragmentRecord, FragmentTable } from './fragment-table.ts';
import { type Ip, readIp } from './ip.ts';
import { type Arrival, answer, type Counters, drop, msOf, type Outcome, of, type Packet, pass, type Way } from './outcome.ts';
import { readQuote, readTransport, type Transport } from './parse.ts';
import { Sending } from './sending.ts';
import { Steering } from './steering.ts';
import { type Flow, Tables } from './tables.ts';

type Icmp = Extract<Transport, { readonly kind: 'icmp' }>;
type LaterFragment = Extract<Transport, { readonly kind: 'laterFragment' }>;

const errorTypes = { 4: [3, 11, 12], 6: [1, 2, 3, 4] } as const;
/** Multicast listener and neighbour discovery. */
const linkTypes = [130, 131, 132, 133, 134, 135, 136, 137, 143];
const fragmentProtocols = { ipv4: 0x100, ipv6: 0x200 } as const;
const icmpBytes = 8;
export class Oracle {
  #tables: Tables;
  #generation = 1;
  readonly #steering: Steering;
  readonly #sending: Sending;
  readonly #fragments = new FragmentTable();
  readonly #counters = { rx: 0, forwarded: 0, answered: 0, passed: 0 };
  readonly #dropped: Record<string, number> = {};

  constructor(desired: Desired, { flowEntries }: { readonly flowEntries: number }) {
    this.#tables = new Tables(desired, this.#generation, undefined);
    this.#steering = new Steering(this.#tables, flowEntries);
    this.#sending = new Sending(this.#tables);
  }

  /** Another document; whatever was learned stays. */
  load(desired: Desired, timeNs: bigint): void {
    this.#generation++;
    this.#tables = new Tables(desired, this.#generation, this.#tables);
    this.#steering.adopt(this.#tables, timeNs);
    this.#sending.adopt(this.#tables);
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
    return { ...this.#counters, ...this.#steering.counters(), dropped: { ...this.#dropped } };
  }

  /** Flows remembered at this time. */
  flowCount(timeNs: bigint): number {
    return this.#steering.count(msOf(timeNs));
  }

  // Steps 1 and 2: whose it is.
  #judge(frame: Uint8Array, nowNs: bigint): Outcome {
    const ip = readIp(frame);
    if (ip === undefined) return pass;
    const transport = readTransport(frame, ip);
    if (this.#tables.vipsAt(ip.destination).length === 0) {
      if (transport.kind === 'icmp') this.#sending.readError(frame, ip, transport, nowNs);
      return pass;
    }
    if (transport.kind === 'bad') return drop(transport.reason);
    const arrival = { frame, ip, nowNs, nowMs: msOf(nowNs), mayBeAnswered: mayBeTold(ip) };
    if (transport.kind === 'icmp') return this.#icmp(arrival, transport);
    if (transport.kind === 'icmpFragment') return drop(this.#tables.isOwn(ip.source) ? 'loop' : 'icmp_other');
    if (transport.kind === 'laterFragment') return this.#laterFragment({ ...arrival, mayBeAnswered: false }, transport);
    const flow = { ...transport, source: ip.source, destination: ip.destination };
    const vip = this.#tables.vipOf(flow);
    if (vip === undefined) return drop('no_vip_port');
    const packet = { ...arrival, flow, tcp: transport.flags, vip };
    if (this.#tables.isOwn(ip.source)) return of(vip, drop('loop'));
    if (ip.ttl <= 1) return of(vip, this.#sending.expired(arrival));
    return of(vip, vip.isBlackhole ? drop('denied') : this.#steer(packet, transport.firstFragment));
  }

  #icmp(arrival: Arrival, message: Icmp): Outcome {
    const { frame, ip, nowNs } = arrival;
    const { type, code, at } = message;
    if (ip.family === 6 && linkTypes.includes(type)) return pass;
    if (this.#tables.isOwn(ip.source)) return drop('loop');
    if (isError(ip, type)) return this.#steerError({ ...arrival, mayBeAnswered: false }, message);
    if (type !== echoTypes[ip.family].request || code !== 0 || !mayBeTold(ip)) return drop('icmp_other');
    return this.#sending.mayEcho(nowNs) ? answer('echo', answerEcho(frame, ip, at)) : drop('rate_limited');
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
    if (ip.ttl <= 1) return of(vip, this.#sending.expired(arrival));
    if (vip.isBlackhole) return of(vip, drop('denied'));
    const key = this.#keyOf(flow);
    const kept = this.#steering.find(vip, key, nowMs);
    const backend = kept ?? this.#tables.choose(vip, flow);
    if (backend === undefined) return of(vip, drop('no_backend'));
    const { fingerprint } = key;
    return of(vip, this.#sending.send(arrival, { vip, backend, flow: kept === undefined ? 'none' : 'known', fingerprint }));
  }

  #laterFragment(arrival: Arrival, { protocol, id }: LaterFragment): Outcome {
    const { ip, nowMs } = arrival;
    if (this.#tables.isOwn(ip.source)) return drop('loop');
    const key = this.#fragmentKey(ip, protocol, id);
    const { fingerprint } = key;
    const known = this.#firstOf(this.#fragments.find(key, nowMs));
    if (known !== undefined) {
      const { vip, backend } = known;
      if (ip.ttl <= 1) return of(vip, this.#sending.expired(arrival));
      if (vip.isBlackhole) return of(vip, drop('denied'));
      return of(vip, this.#sending.send(arrival, { vip, backend, flow: 'known', fingerprint }));
    }
    if (ip.ttl <= 1) return this.#sending.expired(arrival);
    const speaker = this.#tables.speakerAt(ip.destination, protocol);
    if (speaker === undefined) return drop('fragment_unmatched');
    if (speaker.isBlackhole) return of(speaker, drop('denied'));
    const { source, destination } = ip;
    const backend = this.#tables.choose(speaker, { source, destination, sourcePort: 0, destinationPort: 0, protocol });
    if (backend === undefined) return of(speaker, drop('no_backend'));
    return of(speaker, this.#sending.send(arrival, { vip: speaker, backend, flow: 'none', fingerprint }));
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
    const way = this.#steering.choose(packet, key);
    if ('verdict' in way) return way;
    if (firstFragment !== null) {
      const backend = backendKey(way.backend.pool, way.backend.address);
      const lives = { vipLife: this.#tables.vip(vip.name)?.life ?? 0, backendLife: this.#tables.lifeOf(way.backend) };
      this.#fragments.put(this.#fragmentKey(ip, flow.protocol, firstFragment), { vip: vip.name, backend, ...lives }, nowMs);
    }
    return this.#sending.send(packet, { ...way, vip, fingerprint: key.fingerprint });
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
}

function isError({ family }: Ip, type: number): boolean {
  return errorTypes[family].some((number) => number === type);
}
