// The sysctls that direct server return needs, and only those that are not yet as needed.
//
// - arp_ignore 1 and arp_announce 2: nobody on the segment may learn that this host owns the VIP; else the router would
//   send clients here past the balancers (or to whichever backend answered last).
// - rp_filter loose on the devices: requests come in by the balancers' side, replies may leave by another.
//
// The kernel uses the larger of conf/all and conf/DEVICE for all three, so raising is enough and nothing is lowered:
// rp_filter 2 (loose) beats an "all" of 1 (strict).

import { readFileSync, writeFileSync } from 'node:fs';
import { messageOf, ToriiError } from '../errors.ts';
import type { SysctlChange, UndoRecord } from './undo-record.ts';

const root = '/proc/sys/net/ipv4/conf';

type Read = (name: string) => string;

/** Changes to make, given the present values. Pure. */
export function neededChanges(devices: readonly string[], read: Read): readonly SysctlChange[] {
  const changes: SysctlChange[] = [];
  const atLeast = (name: string, least: number) => {
    const before = read(name);
    if (Number(before) < least) changes.push({ name, before, set: String(least) });
  };
  atLeast('all/arp_ignore', 1);
  atLeast('all/arp_announce', 2);
  for (const device of devices) {
    const name = `${device}/rp_filter`;
    const before = read(name);
    const isStrict = Math.max(Number(before), Number(read('all/rp_filter'))) === 1;
    if (isStrict) changes.push({ name, before, set: '2' });
  }
  return changes;
}

/** What is not, or not any more, as needed. */
export function missingSettings(devices: readonly string[]): readonly SysctlChange[] {
  return neededChanges(devices, read);
}

export function applySettings(devices: readonly string[], record: UndoRecord): readonly SysctlChange[] {
  const changes = missingSettings(devices);
  const known = record.changes.sysctls.filter(({ name }) => changes.every((change) => change.name !== name));
  record.update({ sysctls: [...known, ...changes] });
  for (const { name, set } of changes) write(name, set);
  return changes;
}

/** Puts back what is still as we set it; a value that somebody else changed since is theirs. */
export function undoSettings(record: UndoRecord): void {
  for (const { name, before, set } of record.changes.sysctls.toReversed()) {
    if (readIfPresent(name) === set) write(name, before);
  }
  record.update({ sysctls: [] });
}

function read(name: string): string {
  const value = readIfPresent(name);
  if (value === undefined)
    throw new ToriiError('device_unknown', `no device ${name.split('/')[0]}: ${root}/${name} does not exist`);
  return value;
}

function readIfPresent(name: string): string | undefined {
  try {
    return readFileSync(`${root}/${name}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function write(name: string, value: string): void {
  try {
    writeFileSync(`${root}/${name}`, value);
  } catch (error) {
    throw new ToriiError('no_privilege', `cannot write ${root}/${name}: ${messageOf(error)}; torii host needs CAP_NET_ADMIN`, {
      cause: error,
    });
  }
}
