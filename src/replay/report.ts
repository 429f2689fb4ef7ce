// What a replay says: one JSON line per packet, and the summary of the packet path's own counters. Pure.

import type { WorkerCounters } from '../dataplane/counters.ts';
import type { FrameOutcome } from '../dataplane/memory-engine.ts';
import type { VerdictEntry } from '../steering/layout.ts';

export interface PacketReport {
  /** From 1. */
  readonly packet: number;
  /** Since the first packet. */
  readonly sinceNs: bigint;
  readonly outcome: Omit<FrameOutcome, 'out'>;
  /** Numbers of the packets that it caused. */
  readonly out: readonly number[];
}

/** One line, its keys in the order that docs/replay.md gives. By hand: it is written for every packet. */
export function packetLine({ packet, sinceNs, outcome, out }: PacketReport): string {
  const { verdict, reason, vip, tenant, backend, flow } = outcome;
  return (
    `{"packet":${packet},"timeSec":${secondsText(sinceNs)},"verdict":"${verdict}","reason":${quoted(reason)},"vip":${quoted(vip)},` +
    `"tenant":${quoted(tenant)},"backend":${quoted(backend)},"flow":"${flow}","out":[${out.join(',')}]}\n`
  );
}

/** Every name here is of a document's alphabet, which needs no escapes. */
function quoted(name: string | null): string {
  return name === null ? 'null' : `"${name}"`;
}

const nsPerSec = 1_000_000_000n;

/** Exact, with at least one decimal: "0.0", "12.5", "0.000000001". */
export function secondsText(ns: bigint): string {
  const fraction = (ns % nsPerSec).toString().padStart(9, '0').replace(/0+$/, '');
  return `${ns / nsPerSec}.${fraction === '' ? '0' : fraction}`;
}

export interface Summary {
  readonly verdicts: readonly VerdictEntry[];
  readonly counters: WorkerCounters;
  readonly packetsOut: number;
  readonly sinceNs: bigint;
  /** Packets of which the capture has a part only. */
  readonly parts: number;
  /** Documents loaded after the first packet, and those that its end came before. */
  readonly reloads: { readonly done: number; readonly left: number };
}

/** A name and a number a line. Sums: packets = forward + pass + answer + drop; answer and drop are those of their reasons. */
export function summaryText({ verdicts, counters, packetsOut, sinceNs, parts, reloads }: Summary): string {
  const countOf = ({ number }: VerdictEntry): number => counters.verdicts[number] ?? 0;
  const lines: [string, string | number][] = [
    ['packets', counters.rxPackets],
    ['seconds', secondsText(sinceNs)],
  ];
  if (parts > 0) lines.splice(1, 0, ['  captured in part', parts]);
  for (const kind of ['forward', 'pass', 'answer', 'drop'] as const) {
    const ofKind = verdicts.filter((verdict) => verdict.kind === kind);
    lines.push([kind, ofKind.reduce((sum, verdict) => sum + countOf(verdict), 0)]);
    const seen = ofKind.filter((verdict) => verdict.reason !== 'none' && countOf(verdict) > 0);
    for (const verdict of seen) lines.push([`  ${verdict.reason}`, countOf(verdict)]);
  }
  const { newFlows, untracked, evicted, resteered } = counters;
  lines.push(['packets out', packetsOut], ['new flows', newFlows], ['untracked', untracked], ['evicted', evicted]);
  lines.push(['resteered', resteered]);
  if (reloads.done + reloads.left > 0) lines.push(['reloads', reloads.done]);
  if (reloads.left > 0) lines.push(['reloads after the last packet, not made', reloads.left]);
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}
