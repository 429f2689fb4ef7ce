// `torii capture OUT`: live packets of one node with their verdicts, into a pcapng that Wireshark and tshark open.
//
// OUT has whole blocks only, whenever and however the capture ends. Progress and the summary go to standard error.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { type Command, Option } from 'commander';
import { messageOf, ToriiError } from '../errors.ts';
import { parseAddress, parsePrefix } from '../model/address.ts';
import { type CaptureVerdict, captureBounds, captureDefaults, captureVerdicts } from '../model/capture.ts';
import { canonicalVipName } from '../model/vip.ts';
import { CaptureStream } from './capture-stream.ts';
import { type Ended, packetsText, summaryJson, summaryText } from './capture-summary.ts';
import type { Client } from './client.ts';
import { parseDurationSec } from './duration.ts';
import { withExample } from './help.ts';
import type { Io } from './io.ts';
import { openSession } from './session.ts';
import { suggest } from './suggest.ts';
import { bytes as bytesText, clean, number } from './table.ts';

interface Words {
  readonly vip?: string;
  readonly verdict?: readonly CaptureVerdict[];
  readonly reason?: readonly string[];
  readonly client?: string;
  readonly backend?: string;
  readonly count?: number;
  readonly for: number;
  readonly bytes: number;
  readonly sample: number;
  readonly rate: number;
  readonly snap: number;
  readonly output: boolean;
  readonly json?: boolean;
}

const progressEveryMs = 1000;
const standardOutput = '-';

const description = [
  'Capture live packets of one node with their verdicts into a pcapng for Wireshark or tshark (docs/capture.md).',
  'Every packet is there as it came in and, if it left, as it left; its comment says verdict, reason, VIP, tenant, backend and worker (tshark: frame.comment). What the kernel gets (verdict pass) is left out unless it is asked for.',
  'Bounded by --for, --bytes, --rate and, if given, --count. Workers never wait for it: what was missed is counted and told.',
].join('\n\n');

export function addCapture(program: Command, io: Io): void {
  const bounded = (flags: string, what: string, bounds: { least: number; most: number }, initial?: number): Option => {
    const option = new Option(flags, what).argParser((text) => parseWithin(flags, text, bounds));
    return initial === undefined ? option : option.default(initial);
  };
  const command = program
    .command('capture')
    .summary('live packets with their verdicts, as a pcapng')
    .description(description)
    .argument('<out>', 'file to write; - is standard output')
    .addOption(new Option('--vip <vip>', 'only of this VIP, or to this address or prefix').argParser(parseVip))
    .addOption(repeatable('--verdict <verdict>', `only ${captureVerdicts.join(', ')}; repeatable`, parseVerdict))
    .addOption(repeatable('--reason <reason>', 'only for this reason, like cps_limited; repeatable', (text) => text))
    .addOption(new Option('--client <prefix>', 'only from this address or prefix').argParser(parseClient))
    .addOption(new Option('--backend <address>', 'only what goes to this backend').argParser(parseBackend))
    .addOption(bounded('--count <number>', 'end with so many packets', captureBounds.count))
    .addOption(new Option('--for <time>', 'end after 45s, 30m').argParser(parseFor).default(captureDefaults.forSec, '60s'))
    .addOption(
      new Option('--bytes <size>', 'end before OUT is larger: 500k, 20M')
        .argParser(parseSize)
        .default(captureDefaults.bytes, '100M'),
    )
    .addOption(bounded('--sample <number>', 'take one of so many', captureBounds.sample, captureDefaults.sample))
    .addOption(bounded('--rate <number>', 'take so many a second at most', captureBounds.ratePerSec, captureDefaults.ratePerSec))
    .addOption(bounded('--snap <bytes>', 'of each packet at most', captureBounds.snapBytes, captureDefaults.snapBytes))
    .option('--no-output', 'packets as they came only, not as they left')
    .option('--json', 'the summary as one JSON object, on standard output or, where OUT is that, on standard error');
  withExample(command, [
    'torii capture drops.pcapng --verdict drop --for 10s',
    'torii capture limited.pcapng --vip 203.0.113.10:80/tcp --reason cps_limited --count 100',
    'torii capture - --client 198.51.100.0/24 | tshark -r - -T fields -e frame.number -e ip.src -e frame.comment',
  ]);
  command.action(async (out: string) => {
    const { clients } = openSession(command, io);
    const [client] = clients;
    if (client === undefined || clients.length > 1)
      throw new ToriiError('usage', 'capture: expected one node, since a file is of one: name it with one --api');
    if (out === standardOutput && io.isTerminal)
      throw new ToriiError('usage', 'capture: expected a file or a pipe, since a terminal cannot show a pcapng');
    await capture({ client, io, out, words: command.opts<Words>() });
  });
}

interface Run {
  readonly client: Client;
  readonly io: Io;
  readonly out: string;
  readonly words: Words;
}

async function capture({ client, io, out, words }: Run): Promise<void> {
  const incoming = await client.stream('/v1/capture', bodyOf(words)).catch((error: unknown) => suggest(client, words, error));
  const stopped = io.untilInterrupted();
  const stop = (): void => void incoming.destroy();
  stopped.addEventListener('abort', stop);
  const sink = out === standardOutput ? standardSink(io) : fileSink(out);
  const stream = new CaptureStream();
  const progress = setInterval(() => io.progress(progressText(stream)), progressEveryMs);
  try {
    for await (const chunk of incoming) await sink.write(stream.add(chunk as Buffer));
  } catch (error) {
    if (error instanceof ToriiError) throw error;
    // The connection was cut: by us, or by a node that went away.
    if (!stopped.aborted) io.err(`torii: warning: the node ended the connection: ${clean(messageOf(error))}\n`);
  } finally {
    clearInterval(progress);
    stopped.removeEventListener('abort', stop);
    incoming.destroy();
    io.progress('');
    await sink.end();
  }
  tell({ stream, out: out === standardOutput ? null : out, sample: words.sample, isInterrupted: stopped.aborted }, words, io);
}

function bodyOf({ vip, verdict, reason, client, backend, count, ...words }: Words): unknown {
  return {
    vip: vip ?? null,
    verdicts: verdict ?? [],
    reasons: reason ?? [],
    client: client ?? null,
    backend: backend ?? null,
    count: count ?? null,
    forSec: words.for,
    bytes: words.bytes,
    sample: words.sample,
    ratePerSec: words.rate,
    snapBytes: words.snap,
    withOutput: words.output,
  };
}

/* ---- Where it goes ---- */

interface Sink {
  /** Fulfilled when it can take more. Rejects with output_failed. */
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

function standardSink(io: Io): Sink {
  return { write: (bytes) => io.outBytes(bytes), end: async () => undefined };
}

function fileSink(path: string): Sink {
  const file = createWriteStream(path);
  let failure: ToriiError | null = null;
  file.on('error', (cause) => {
    failure = new ToriiError('output_failed', `${path} cannot be written: ${messageOf(cause)}`, { cause });
  });
  const opened = once(file, 'open').catch(() => undefined);
  return {
    async write(bytes) {
      await opened;
      if (failure !== null) throw failure;
      if (!file.write(bytes)) await once(file, 'drain').catch(() => undefined);
      if (failure !== null) throw failure;
    },
    async end() {
      if (file.closed) return;
      file.end();
      await once(file, 'close').catch(() => undefined);
    },
  };
}

/* ---- What is told ---- */

/** The object goes where a program reads answers, unless the capture itself goes there. */
function tell(ended: Ended, { json }: Words, io: Io): void {
  if (json !== true) io.err(summaryText(ended));
  else if (ended.out === null) io.err(summaryJson(ended));
  else io.out(summaryJson(ended));
}

function progressText({ packets, bytes, totals }: CaptureStream): string {
  const missed = totals.missed === 0 ? '' : `, ${number(totals.missed)} missed`;
  return `${packetsText(packets)}, ${bytesText(bytes)}${missed}`;
}

/* ---- Arguments ---- */

function repeatable(flags: string, what: string, parse: (text: string) => string): Option {
  return new Option(flags, what).argParser((text, before?: readonly string[]) => [...(before ?? []), parse(text)]);
}

function parseWithin(flags: string, text: string, { least, most }: { least: number; most: number }): number {
  const value = Number(text);
  if (/^\d{1,10}$/.test(text) && value >= least && value <= most) return value;
  throw new ToriiError('usage', `${flags.split(' ')[0]}: expected ${least} to ${most}, got ${text}`);
}

const sizeUnits: Readonly<Record<string, number>> = { '': 1, k: 1000, M: 1_000_000, G: 1_000_000_000 };

function parseSize(text: string): number {
  const { least, most } = captureBounds.bytes;
  const match = /^(\d{1,10})([kMG]?)B?$/.exec(text);
  const value = Number(match?.[1]) * (sizeUnits[match?.[2] ?? ''] ?? 1);
  if (value >= least && value <= most) return value;
  throw new ToriiError('usage', `--bytes: expected ${least} to 1G, like 500k or 20M, got ${text}`);
}

function parseFor(text: string): number {
  const { least, most } = captureBounds.forSec;
  const seconds = parseDurationSec(text);
  if (seconds >= least && seconds <= most) return seconds;
  throw new ToriiError('usage', `--for: expected ${least}s to ${most / 60}m, got ${text}`);
}

function parseVip(text: string): string {
  const name = canonicalVipName(text);
  if (name !== undefined) return name;
  throw new ToriiError('usage', `--vip: expected a VIP like 203.0.113.10:80/tcp, or an address, got ${text}`);
}

function parseVerdict(text: string): CaptureVerdict {
  const verdict = captureVerdicts.find((each) => each === text);
  if (verdict !== undefined) return verdict;
  throw new ToriiError('usage', `--verdict: expected ${captureVerdicts.join(', ')}, got ${text}`);
}

function parseClient(text: string): string {
  if (parsePrefix(text) !== undefined) return text;
  throw new ToriiError('usage', `--client: expected an address or a prefix like 198.51.100.0/24, got ${text}`);
}

function parseBackend(text: string): string {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw new ToriiError('usage', `--backend: expected the address of a backend, got ${text}`);
}
