// A paced stream of UDP packets to VIPs, and the count of those that reached a backend encapsulated: native/lab/stream.c at work.

import { readFileSync } from 'node:fs';
import { Lab, type LabSetup } from '../deploy/lab/lab.ts';
import type { Ledger, ProcessRecord } from '../deploy/lab/ledger.ts';
import { endAll, logFile, startProgram } from '../deploy/lab/processes.ts';
import { nativeProgram } from '../deploy/lab/programs.ts';
import type { LabOptions } from '../deploy/lab/topology.ts';
import { until } from '../deploy/lab/until.ts';
import { ToriiError } from '../src/errors.ts';

const sourcePorts = 16;

const labReadyMs = 60_000;
/** Ends only what hangs. */
const firstPacketMs = 120_000;

/** A lab whose first backend takes no packet out of its outer header, so that a stream can be counted there: it has no host agent. */
export async function countedLab(options: Partial<LabOptions>, setup: LabSetup): Promise<Lab> {
  const lab = await Lab.build(options, setup);
  const [counted, ...others] = lab.backends;
  await Promise.all([counted?.startService(), ...[...others, ...lab.balancers].map((node) => node.start())]);
  await lab.waitForBalancers(lab.balancers.length, labReadyMs);
  return lab;
}

export interface StreamParams {
  readonly id: string;
  /** Namespaces of the sender, and of the backend whose eth0 is counted on. */
  readonly from: string;
  readonly to: string;
  /** Packets go round robin to so many addresses, from this one on. */
  readonly address: string;
  readonly addresses: number;
  readonly port: number;
  readonly perSec: number;
  /** It ends by itself then. */
  readonly seconds: number;
}

export interface StreamVips {
  readonly first: string;
  readonly count: number;
  readonly port: number;
}

export interface StreamReport {
  readonly sent: number;
  /** What the sender's own kernel did not take. */
  readonly refused: number;
  readonly arrived: number;
  readonly seconds: number;
}

type StreamLine = Partial<StreamReport> & { readonly firstMs?: number };

export async function startStream(ledger: Ledger, params: StreamParams): Promise<Stream> {
  const { id, from, to, address, addresses, port, perSec, seconds } = params;
  const numbers = [addresses, port, sourcePorts, perSec, seconds].map(String);
  const argv = [nativeProgram('stream'), address, ...numbers, `/run/netns/${to}`, 'eth0'];
  return new Stream(await startProgram(ledger, { id, namespace: from, argv }), logFile(ledger, id));
}

/** In a countedLab, from the client to the backend that counts. Resolves once the first packet has come through. */
export async function startLabStream(
  lab: Lab,
  vips: StreamVips,
  pace: Pick<StreamParams, 'perSec' | 'seconds'>,
): Promise<Stream> {
  const { namespaces, backends } = lab.topology;
  const [counted] = backends;
  if (counted === undefined) throw new ToriiError('internal', 'a lab without a backend');
  const where = { from: namespaces.client, to: counted.namespace };
  const what = { address: vips.first, addresses: vips.count, port: vips.port };
  const stream = await startStream(lab.ledger, { id: 'stream', ...where, ...what, ...pace });
  await stream.firstMs(firstPacketMs);
  return stream;
}

export class Stream {
  readonly #process: ProcessRecord;
  readonly #file: string;

  constructor(process: ProcessRecord, file: string) {
    this.#process = process;
    this.#file = file;
  }

  /** Unix time, in ms, at which the first encapsulated frame reached the backend, by the kernel's clock. */
  async firstMs(timeoutMs: number): Promise<number> {
    const what = 'a packet to be forwarded';
    return await until(() => this.#lines().find(({ firstMs }) => firstMs !== undefined)?.firstMs, {
      what,
      timeoutMs,
      everyMs: 10,
    });
  }

  /** Stops sending, waits for what is under way, and counts. */
  async end(): Promise<StreamReport> {
    await endAll([this.#process], 5_000);
    const report = this.#lines().find((line): line is StreamLine & StreamReport => line.arrived !== undefined);
    if (report === undefined)
      throw new ToriiError('internal', `the stream ended without a count: ${readFileSync(this.#file, 'utf8')}`);
    return report;
  }

  #lines(): readonly StreamLine[] {
    const lines = readFileSync(this.#file, 'utf8').split('\n');
    return lines.filter((line) => line.startsWith('{') && line.endsWith('}')).map((line) => JSON.parse(line) as StreamLine);
  }
}
