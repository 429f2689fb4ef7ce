// What the oracle says of a packet, and what it knows of one on its way. Types, and the few values that every step makes.

import type { DesiredBackend, DesiredVip } from '../../src/model/desired.ts';
import type { Ip } from './ip.ts';
import type { TcpFlags } from './parse.ts';
import type { Flow } from './tables.ts';

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

/** A packet to a VIP address, on its way. */
export interface Arrival {
  readonly frame: Uint8Array;
  readonly ip: Ip;
  readonly nowNs: bigint;
  readonly nowMs: number;
  /** Whether its sender may be sent an ICMP error about it. */
  readonly mayBeAnswered: boolean;
}

export interface Packet extends Arrival {
  readonly flow: Flow;
  readonly tcp: TcpFlags;
  readonly vip: DesiredVip;
}

export interface Way {
  readonly vip: DesiredVip;
  readonly backend: DesiredBackend;
  readonly flow: FlowKind;
  readonly fingerprint: bigint;
}

export const nothing = { vip: null, tenant: null, backend: null, flow: 'none', out: [] } as const;
export const pass: Outcome = { ...nothing, verdict: 'pass', reason: null };
export const drop = (reason: string): Outcome => ({ ...nothing, verdict: 'drop', reason });
export const answer = (reason: string, frame: Uint8Array): Outcome => ({ ...nothing, verdict: 'answer', reason, out: [frame] });

export function of({ name, tenant }: DesiredVip, outcome: Outcome): Outcome {
  return { ...outcome, vip: name, tenant };
}

export function msOf(timeNs: bigint): number {
  return Number(timeNs / 1_000_000n);
}

export function secOf(timeNs: bigint): number {
  return Number(timeNs / 1_000_000_000n);
}
