// `torii flows`: what the packet path remembers of flows, as records have it (node.flows.records).
//
// Asks page by page until enough are found or the tables end, so that a rare flow is found in a large table, too.

import { type Command, Option } from 'commander';
import { ToriiError } from '../errors.ts';
import { parseAddress, parsePrefix } from '../model/address.ts';
import type { FlowsView, FlowView } from '../model/views.ts';
import type { Client } from './client.ts';
import { askAll } from './fleet.ts';
import { withExample } from './help.ts';
import type { Io } from './io.ts';
import { openSession, type Session } from './session.ts';
import { suggest } from './suggest.ts';
import { bytes, type Column, number, table } from './table.ts';

interface Words {
  readonly vip?: string;
  readonly backend?: string;
  readonly client?: string;
  /** The same by its former name. */
  readonly source?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const defaultLimit = 100;
const mostLimit = 100_000;
const pageLimit = 1000;

export function addFlows(program: Command, io: Io): void {
  const command = program
    .command('flows')
    .summary('flows that the packet path remembers: backend, age, packets, bytes')
    .description(
      'Flows that the packet path remembers: backend, age, packets, bytes.\n\nNeeds node.flows.records: true. Packets and bytes are estimates from a sample, exact at low load.',
    )
    .option('--vip <vip>', 'only of this VIP')
    .option('--backend <address>', 'only to this backend', parseBackend)
    .option('--client <prefix>', 'only from this address or prefix', parseClient)
    .addOption(new Option('--source <prefix>', 'as --client').argParser(parseClient).hideHelp())
    .option('--limit <number>', 'at most so many', parseLimit, defaultLimit)
    .option('--json', 'the JSON of the API, all pages in one; of several nodes an object, one key per --api');
  withExample(command, [
    'torii flows --client 198.51.100.7',
    'torii flows --client 2001:db8:9::/48 --backend 10.0.2.21',
    'torii flows --vip 203.0.113.10:80/tcp --limit 1000 --json',
  ]);
  command.action(async () => show(openSession(command, io), command.opts<Words>()));
}

async function show({ io, clients, screen }: Session, words: Words): Promise<void> {
  const { given, failure } = await askAll(clients, (client) => flowsOf(client, words), io);
  const limited = given.map(({ api, value }) => ({
    api,
    value: value.slice(0, words.limit),
    isAll: value.length <= words.limit,
  }));
  if (words.json === true) {
    const all = Object.fromEntries(limited.map(({ api, value }) => [api, value]));
    io.out(`${JSON.stringify(clients.length === 1 ? limited[0]?.value : all)}\n`);
  } else {
    for (const { api, value, isAll } of limited) {
      const more = isAll ? '' : `… and more: --limit shows up to ${number(mostLimit)}\n`;
      const text = value.length === 0 ? 'no flows\n' : table(columns, value, screen) + more;
      io.out((clients.length === 1 ? '' : `== ${api}\n`) + text);
    }
  }
  if (failure !== null) throw failure;
}

const columns: readonly Column<FlowView>[] = [
  { title: 'FLOW', cell: ({ flow }) => flow },
  { title: 'TENANT', cell: ({ tenant }) => tenant },
  { title: 'BACKEND', cell: ({ backend }) => ({ text: backend ?? 'gone', tone: backend === null ? 'warn' : 'plain' }) },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'AGE', align: 'right', cell: ({ ageSec }) => `${number(ageSec)} s` },
  { title: 'IDLE', align: 'right', cell: ({ idleSec }) => `${number(idleSec)} s` },
  { title: 'PACKETS', align: 'right', cell: ({ packets }) => number(packets) },
  { title: 'BYTES', align: 'right', cell: (flow) => bytes(flow.bytes) },
];

/** One more than asked for, where there is one. */
async function flowsOf(node: Client, { vip, backend, client, source = client, limit }: Words): Promise<readonly FlowView[]> {
  const found: FlowView[] = [];
  const filters = { ...(vip && { vip }), ...(backend && { backend }), ...(source && { source }) };
  for (let from: number | null = 0; from !== null && found.length <= limit; ) {
    const query = new URLSearchParams({ ...filters, limit: `${Math.min(pageLimit, limit + 1 - found.length)}`, from: `${from}` });
    const path = `/v1/flows?${query.toString()}`;
    const { flows, next }: FlowsView = await node
      .json<FlowsView>(path)
      .catch((error: unknown) => suggest(node, { vip, backend }, error));
    found.push(...flows);
    from = next;
  }
  return found;
}

function parseBackend(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) throw new ToriiError('usage', `--backend: expected an IP address, got ${text}`);
  return address;
}

function parseClient(text: string): string {
  if (parsePrefix(text) !== undefined) return text;
  throw new ToriiError('usage', `--client: expected an address or a prefix like 198.51.100.0/24, got ${text}`);
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (/^\d{1,6}$/.test(text) && limit >= 1 && limit <= mostLimit) return limit;
  throw new ToriiError('usage', `--limit: expected 1 to ${mostLimit}, got ${text}`);
}
