// `torii replay IN OUT`: a capture through the packet core, on this machine, without a daemon. Only the arguments are read here;
// the run itself is a launcher's.

import { type Command, Option } from 'commander';
import { ToriiError } from '../errors.ts';
import { parseAddress } from '../model/address.ts';
import type { Reload, ReplayOptions, ReplayStreams } from '../replay/options.ts';
import { withExample } from './help.ts';
import type { Io } from './io.ts';

export type ReplayLauncher = (options: ReplayOptions, streams: ReplayStreams) => Promise<void>;

interface Words {
  readonly config: string;
  readonly reload?: readonly Reload[];
  readonly down?: readonly string[];
  readonly mtu: number;
  readonly json?: boolean;
}

const description = [
  'Run a capture through the packet core and write what would leave.',
  "IN is a pcap or pcapng of Ethernet; OUT a pcap with nanosecond time stamps. The clock is the capture's own. Every backend is up and its next hop known, except those named by --down; all else is as the document says. Needs no privilege, no network and no daemon.",
].join('\n\n');

/** Opened anew: the process's own stream may not wait for its reader. */
const standardOutput = '/dev/stdout';
const defaultMtuBytes = 1500;
/** RFC 791: what every link carries. */
const leastMtuBytes = 68;
const mostMtuBytes = 65_535;

export function addReplay(program: Command, io: Io, launch: ReplayLauncher): void {
  const command = program
    .command('replay')
    .summary('run a capture through the packet core')
    .description(description)
    .argument('<in>', 'capture to read; - is standard input')
    .argument('<out>', 'capture to write; - is standard output')
    .requiredOption('--config <file>', 'the document')
    .addOption(
      new Option(
        '--reload <seconds:file>',
        'load another document that long after the first packet, flows kept; repeatable',
      ).argParser((text, before?: readonly Reload[]) => [...(before ?? []), parseReload(text)]),
    )
    .addOption(
      new Option('--down <address>', 'a backend that is down, in every document; repeatable').argParser(
        (text, before?: readonly string[]) => [...(before ?? []), parseDown(text)],
      ),
    )
    .addOption(new Option('--mtu <bytes>', 'of every next hop').argParser(parseMtu).default(defaultMtuBytes))
    .option('--json', 'one line per packet on standard output; the summary goes to standard error');
  withExample(command, [
    'torii replay in.pcap out.pcap --config /etc/torii/torii.yaml',
    'torii replay - - --config torii.yaml < in.pcap | tcpdump -nr -',
    'torii replay in.pcapng out.pcap --config torii.yaml --reload 12.5:new.yaml --down 10.0.2.22 --json',
  ]);
  command.action(async (input: string, output: string) => {
    const { config, reload = [], down = [], mtu, json = false } = command.opts<Words>();
    if (output === '-' && json)
      throw new ToriiError('usage', 'replay: expected a file for OUT, since --json takes standard output, got -');
    const written = output === '-' ? standardOutput : output;
    await launch({ input, output: written, config, reloads: reload, down, mtuBytes: mtu, isJson: json }, io);
  });
}

/** "12.5:new.yaml"; the file's name may hold colons. */
function parseReload(text: string): Reload {
  const match = /^(\d{1,10})(?:\.(\d{1,9})\d*)?:(.+)$/s.exec(text);
  const [, whole, fraction = '', file] = match ?? [];
  if (whole === undefined || file === undefined) {
    throw new ToriiError('usage', `--reload: expected SECONDS:FILE like 12.5:new.yaml, got ${text}`);
  }
  return { atNs: BigInt(whole + fraction.padEnd(9, '0')), file };
}

function parseDown(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) throw new ToriiError('usage', `--down: expected the address of a backend, got ${text}`);
  return address;
}

function parseMtu(text: string): number {
  const mtuBytes = Number(text);
  if (/^\d{1,5}$/.test(text) && mtuBytes >= leastMtuBytes && mtuBytes <= mostMtuBytes) return mtuBytes;
  throw new ToriiError('usage', `--mtu: expected ${leastMtuBytes} to ${mostMtuBytes}, got ${text}`);
}
