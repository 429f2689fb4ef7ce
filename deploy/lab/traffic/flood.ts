// A bounded SYN flood from spoofed sources, sent by native/lab/synflood.c inside the client namespace.

import type { Lab } from '../lab.ts';
import { nativeProgram } from '../programs.ts';
import { run } from '../shell.ts';
import { type LabVip, spoofedPrefix } from '../topology.ts';

export interface FloodOptions {
  readonly vip: LabVip;
  readonly perSec: number;
  readonly durationMs: number;
}

export interface FloodReport {
  readonly sent: number;
  /** SYNs that the client's own kernel would not take. */
  readonly refused: number;
  readonly seconds: number;
}

export async function synFlood(lab: Lab, { vip, perSec, durationMs }: FloodOptions): Promise<FloodReport> {
  const [base = '', length = '32'] = spoofedPrefix.split('/');
  const bits = 32 - Number(length);
  const count = Math.round((perSec * durationMs) / 1000);
  const words = [vip.address, vip.port, base, bits, perSec, count].map(String);
  const report = await run([nativeProgram('synflood'), ...words], {
    namespace: lab.topology.namespaces.client,
    timeoutMs: durationMs * 3 + 5_000,
  });
  return JSON.parse(report) as FloodReport;
}
