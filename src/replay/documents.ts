// The documents of a replay, all read, checked and resolved before the first packet: the one that holds from the start and
// those that are loaded later, in order of time.

import { FileSource } from '../config/file-source.ts';
import { type Assumptions, resolveAssumed } from '../control/assumed.ts';
import { loadSilentDocument } from '../control/documents.ts';
import { backendAddressesOf, type LoadedDocument } from '../control/store.ts';
import { MemoryEngine } from '../dataplane/memory-engine.ts';
import { ToriiError } from '../errors.ts';
import type { Desired } from '../model/desired.ts';
import type { ReplayOptions } from './options.ts';

export interface Loading {
  /** After the first packet. */
  readonly atNs: bigint;
  readonly desired: Desired;
}

export interface ReplayDocuments {
  readonly first: Desired;
  /** In the order in which they are loaded. */
  readonly later: readonly Loading[];
  /** Per worker. */
  readonly flowEntries: number;
  readonly warnings: readonly string[];
}

/** Throws config_invalid, config_unreadable, secret_unreadable or capacity for a bad document; not_found for a `down` that none of them has. */
export async function readDocuments(options: ReplayOptions): Promise<ReplayDocuments> {
  const { config, down, mtuBytes } = options;
  const order = options.reloads.toSorted((a, b) => (a.atNs < b.atNs ? -1 : a.atNs > b.atNs ? 1 : 0));
  const first = await read(config);
  const reloaded: LoadedDocument[] = [];
  for (const { file } of order) reloaded.push(await read(file));
  const all = [first, ...reloaded];
  checkDown(down, all);
  const assumptions: Assumptions = { down: new Set(down), mtuBytes };
  const [initial, ...rest] = all.map((document, i) => resolveAssumed(document, i + 1, assumptions));
  if (initial === undefined) throw new ToriiError('internal', 'a replay without a document');
  if (rest.length > 0) rehearse([initial, ...rest]);
  return {
    first: initial,
    later: rest.map((desired, i) => ({ atNs: order[i]?.atNs ?? 0n, desired })),
    flowEntries: first.config.node.flowTableEntries,
    warnings: sizeWarnings(first, reloaded),
  };
}

async function read(file: string): Promise<LoadedDocument> {
  const { text } = await new FileSource(file).read();
  return loadSilentDocument(file, text, process.env);
}

function checkDown(down: readonly string[], documents: readonly LoadedDocument[]): void {
  const known = new Set(documents.flatMap(({ config }) => backendAddressesOf(config)));
  const missing = down.filter((address) => !known.has(address));
  if (missing.length === 0) return;
  const place = documents.length === 1 ? 'of the document' : 'of any of the documents';
  throw new ToriiError('not_found', `--down: expected the address of a backend ${place}, got ${missing.join(', ')}`);
}

/** A document may be right and yet too large for the tables, by itself or together with what it follows. */
function rehearse(desired: readonly Desired[]): void {
  const engine = new MemoryEngine({ flowEntries: 1024 });
  try {
    for (const each of desired) engine.load(each);
  } finally {
    engine.close();
  }
}

function sizeWarnings(first: LoadedDocument, reloaded: readonly LoadedDocument[]): readonly string[] {
  const { flowTableEntries } = first.config.node;
  return reloaded
    .filter(({ config }) => config.node.flowTableEntries !== flowTableEntries)
    .map(({ source }) => `${source}: node.flowTable.entries is not applied, since the flow table of ${first.source} is kept`);
}
