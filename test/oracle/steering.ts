// Steps 3 to 5 of the walk: the flow table, admission, the choice of a backend.

import { backendKey } from '../../src/model/backend.ts';
import type { Desired, DesiredBackend, DesiredVip } from '../../src/model/desired.ts';
import { type FlowEntry, type FlowKey, FlowTable, idleMs, type Place } from './flow-table.ts';
import { drop, type FlowKind, type Outcome, type Packet, type Way } from './outcome.ts';
import { protocols, type TcpFlags } from './parse.ts';
import type { Tables } from './tables.ts';
import { TokenBucket } from './token-bucket.ts';

type Known = Place & { readonly entry: FlowEntry };

export class Steering {
  #tables: Tables;
  readonly #flows: FlowTable;
  #tenants = new Map<string, TokenBucket>();
  #counters = { untracked: 0, evicted: 0, resteered: 0, newFlows: 0 };

  constructor(tables: Tables, flowEntries: number) {
    this.#tables = tables;
    this.#flows = new FlowTable(flowEntries);
    this.adopt(tables, 0n);
  }

  /** Other tables; flows and buckets stay. */
  adopt(tables: Tables, timeNs: bigint): void {
    this.#tenants = this.#bucketsFor(tables.desired, timeNs);
    this.#tables = tables;
  }

  counters(): Readonly<{ untracked: number; evicted: number; resteered: number; newFlows: number }> {
    return { ...this.#counters };
  }

  /** Flows remembered at this time. */
  count(nowMs: number): number {
    return this.#flows.count(nowMs);
  }

  /** Where a flow's packets go, without a trace of having asked; undefined: it is unknown, or its backend takes them no more. */
  find(vip: DesiredVip, key: FlowKey, nowMs: number): DesiredBackend | undefined {
    const known = this.#flows.find(key, nowMs);
    return known && this.#keptBackend(vip, known.entry);
  }

  choose(packet: Packet, key: FlowKey): Outcome | Pick<Way, 'backend' | 'flow'> {
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
    return now.backend.pool === vip.activePool || now.backend.pool === vip.keptPool ? now.backend : undefined;
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
