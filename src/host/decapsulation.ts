// Puts the decapsulation program on the devices' ingress and takes it off again (native/bpf/decap.c, decap_load.c).

import { run } from './commands.ts';
import { type HostIntent, prefixText } from './intent.ts';
import type { UndoRecord } from './undo-record.ts';

/** As tc lists it; of native/bpf/decap.c. */
const programName = 'torii_decap';

export interface DecapPrograms {
  /** Path of the loader. */
  readonly loader: string;
  /** Path of the BPF object. */
  readonly object: string;
}

/** One program with this set of addresses on all `devices`, replacing an earlier one in one step. */
export async function attachDecapsulation(
  programs: DecapPrograms,
  intent: HostIntent,
  devices: readonly string[],
  record: UndoRecord,
): Promise<void> {
  const bare = await devicesWithoutClsact(devices);
  const { qdiscs, filters } = record.changes;
  record.update({ qdiscs: [...new Set([...qdiscs, ...bare])], filters: [...new Set([...filters, ...devices])] });
  for (const device of bare) await run(['tc', 'qdisc', 'add', 'dev', device, 'clsact']);
  const roles = [
    ...intent.outer.map((address) => `outer ${address}/${address.includes(':') ? 128 : 32}`),
    ...intent.vips.map((vip) => `vip ${prefixText(vip)}`),
  ];
  await run([programs.loader, 'attach', programs.object, ...devices], `${roles.join('\n')}\n`);
}

export async function devicesWithoutFilter(devices: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(devices.map(hasOurFilter));
  return devices.filter((_, i) => found[i] === false);
}

/** From all devices the agent attached to, except `kept`; the qdisc, too, where it was ours and nobody else uses it. */
export async function detachDecapsulation(programs: DecapPrograms, kept: readonly string[], record: UndoRecord): Promise<void> {
  const existing = await existingDevices();
  const isLeft = (device: string) => !kept.includes(device) && existing.has(device);
  for (const device of record.changes.filters.filter(isLeft)) {
    // Devices are written down before: it may not have come to attaching.
    if (await hasOurFilter(device)) await run([programs.loader, 'detach', device]);
  }
  for (const device of record.changes.qdiscs.filter(isLeft)) {
    if (await hasOnlyEmptyClsact(device)) await run(['tc', 'qdisc', 'del', 'dev', device, 'clsact']);
  }
  const stays = (device: string) => kept.includes(device);
  record.update({ filters: record.changes.filters.filter(stays), qdiscs: record.changes.qdiscs.filter(stays) });
}

interface QdiscRow {
  readonly kind: string;
  readonly dev: string;
}

async function clsactDevices(): Promise<ReadonlySet<string>> {
  const rows = JSON.parse(await run(['tc', '-json', 'qdisc', 'show'])) as readonly QdiscRow[];
  return new Set(rows.filter(({ kind }) => kind === 'clsact').map(({ dev }) => dev));
}

async function devicesWithoutClsact(devices: readonly string[]): Promise<readonly string[]> {
  const present = await clsactDevices();
  return devices.filter((device) => !present.has(device));
}

async function hasOurFilter(device: string): Promise<boolean> {
  return (await run(['tc', 'filter', 'show', 'dev', device, 'ingress'])).includes(programName);
}

async function hasOnlyEmptyClsact(device: string): Promise<boolean> {
  if (!(await clsactDevices()).has(device)) return false;
  const filters = await Promise.all(['ingress', 'egress'].map((hook) => run(['tc', 'filter', 'show', 'dev', device, hook])));
  return filters.every((listing) => listing.trim() === '');
}

async function existingDevices(): Promise<ReadonlySet<string>> {
  const rows = JSON.parse(await run(['ip', '-json', 'link', 'show'])) as readonly { readonly ifname: string }[];
  return new Set(rows.map(({ ifname }) => ifname));
}
