// VIPs as local addresses of this host, on the loopback device, where neither ARP nor neighbour discovery tells of them.
//
// Host VIPs are addresses, prefix VIPs local routes. Only what the agent added is ever removed: a VIP that an
// administrator put there stays. IPv6 VIPs are deprecated from birth, so that no connection of this host
// takes one as its source.

import { ToriiError } from '../errors.ts';
import { familyOf, isHostPrefix, type Prefix, parseAddress, parsePrefix } from '../model/address.ts';
import { run } from './commands.ts';
import { prefixText } from './intent.ts';
import type { UndoRecord } from './undo-record.ts';

export async function missingVips(vips: readonly Prefix[]): Promise<readonly Prefix[]> {
  const present = await presentOnLoopback();
  return vips.filter((vip) => !present.has(prefixText(vip)));
}

/** Returns those that were missing. */
export async function addVips(vips: readonly Prefix[], record: UndoRecord): Promise<readonly string[]> {
  const missing = await missingVips(vips);
  record.update({ vips: [...new Set([...record.changes.vips, ...missing.map(prefixText)])] });
  await batch(missing.map((vip) => change('add', vip)));
  return missing.map(prefixText);
}

/** Removes those that the agent added, except `kept`. */
export async function removeVips(kept: readonly Prefix[], record: UndoRecord): Promise<readonly string[]> {
  const stays = new Set(kept.map(prefixText));
  const present = await presentOnLoopback();
  const gone = record.changes.vips.filter((vip) => !stays.has(vip));
  await batch(gone.filter((vip) => present.has(vip)).map((vip) => change('del', parsePrefix(vip) as Prefix)));
  record.update({ vips: record.changes.vips.filter((vip) => stays.has(vip)) });
  return gone;
}

function change(verb: 'add' | 'del', vip: Prefix): string {
  const text = prefixText(vip);
  if (!isHostPrefix(vip)) return `route ${verb} local ${text} dev lo`;
  if (familyOf(vip.address) === 4 || verb === 'del') return `addr ${verb} ${text} dev lo`;
  return `addr add ${text} dev lo nodad preferred_lft 0`;
}

/** One process for any number of VIPs. */
async function batch(commands: readonly string[]): Promise<void> {
  if (commands.length > 0) await run(['ip', '-batch', '-'], `${commands.join('\n')}\n`);
}

interface AddressRow {
  readonly flags?: readonly string[];
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

async function presentOnLoopback(): Promise<ReadonlySet<string>> {
  const rows = JSON.parse(await run(['ip', '-json', 'addr', 'show', 'dev', 'lo'])) as readonly AddressRow[];
  // Addresses of a device that is down are not local: the kernel would drop what the program decapsulated.
  if (!rows.some(({ flags = [] }) => flags.includes('UP'))) {
    throw new ToriiError('device_unusable', 'the loopback device is down, so no VIP can be local: run "ip link set lo up"');
  }
  const addresses = rows.flatMap(({ addr_info = [] }) =>
    addr_info.map(({ local = '', prefixlen }) => `${parseAddress(local)}/${prefixlen}`),
  );
  const routes = await Promise.all([localRoutes('-4'), localRoutes('-6')]);
  return new Set([...addresses, ...routes.flat()]);
}

async function localRoutes(family: '-4' | '-6'): Promise<readonly string[]> {
  const rows = JSON.parse(await run(['ip', family, '-json', 'route', 'show', 'table', 'local', 'dev', 'lo'])) as readonly {
    readonly dst: string;
  }[];
  return rows.map(({ dst }) => dst).filter((dst) => dst.includes('/'));
}
