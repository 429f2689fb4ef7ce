// This machine as a backend: brings it to what an intent says, and back to what it was.
//
// Order: everything that a VIP needs comes before the VIP and goes after it. When something fails on the way,
// nothing of the earlier intent has been taken away yet.

import { networkInterfaces } from 'node:os';
import { messageOf, ToriiError } from '../errors.ts';
import { type Family, familyOf } from '../model/address.ts';
import { run } from './commands.ts';
import { attachDecapsulation, type DecapPrograms, detachDecapsulation, devicesWithoutFilter } from './decapsulation.ts';
import { type HostIntent, overheadBytes, prefixText } from './intent.ts';
import { applySettings, missingSettings, undoSettings } from './kernel-settings.ts';
import { addVips, missingVips, removeVips } from './loopback.ts';
import { applyMss, type MssAdvice, missingMss, type Room, undoMss } from './mss.ts';
import { type SysctlChange, UndoRecord } from './undo-record.ts';

export interface Applied {
  readonly devices: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly sysctls: readonly SysctlChange[];
  /** What the administrator should do, in words. */
  readonly advices: readonly string[];
  /** Addresses of the document that no interface here carries. */
  readonly absent: readonly string[];
}

export class Machine {
  readonly #programs: DecapPrograms;
  readonly #record: UndoRecord;
  /** Of the latest apply. */
  #advices: readonly MssAdvice[] = [];

  /** `directory` keeps the record of changes; it is created with the first one. */
  constructor(directory: string, programs: DecapPrograms) {
    this.#programs = programs;
    this.#record = new UndoRecord(directory);
  }

  /** VIPs that a run before this one put here and did not take away. */
  leftovers(): readonly string[] {
    return this.#record.changes.vips;
  }

  get isTouched(): boolean {
    return !this.#record.isEmpty;
  }

  async apply(intent: HostIntent): Promise<Applied> {
    const devices = devicesFor(intent);
    const sysctls = applySettings(devices, this.#record);
    await attachDecapsulation(this.#programs, intent, devices, this.#record);
    this.#advices = await applyMss(familiesOf(intent), await roomFor(intent, devices), this.#record);
    const added = await addVips(intent.vips, this.#record);
    const removed = await removeVips(intent.vips, this.#record);
    await detachDecapsulation(this.#programs, devices, this.#record);
    const advices = this.#advices.map(({ advice }) => advice);
    return { devices, added, removed, sysctls, advices, absent: intent.outer.filter((own) => carriersOf([own]).length === 0) };
  }

  /** What of an applied intent is not there any more, in words: other programs reconfigure networks, too. */
  async missing(intent: HostIntent): Promise<readonly string[]> {
    const devices = devicesFor(intent);
    const room = await roomFor(intent, devices);
    const [vips, filters, routes] = await Promise.all([
      missingVips(intent.vips),
      devicesWithoutFilter(devices),
      missingMss(familiesOf(intent), room, this.#advices),
    ]);
    return [
      ...vips.map((vip) => `${prefixText(vip)} on lo`),
      ...filters.map((device) => `decapsulation on ${device}`),
      ...routes.map(({ before, advmssBytes }) => `advmss ${advmssBytes} on "${before}"`),
      ...missingSettings(devices).map(({ name, before }) => `${name} (${before})`),
    ];
  }

  /** Tries every step, whatever became of the ones before, and returns what went wrong. What could not be undone stays
   * written down for the next run. */
  async undo(): Promise<readonly string[]> {
    const steps: readonly (() => unknown)[] = [
      () => removeVips([], this.#record),
      () => undoMss(this.#record),
      () => detachDecapsulation(this.#programs, [], this.#record),
      () => undoSettings(this.#record),
    ];
    const problems: string[] = [];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        problems.push(messageOf(error));
      }
    }
    if (problems.length === 0) this.#record.clear();
    return problems;
  }
}

function devicesFor({ devices, outer: addresses }: HostIntent): readonly string[] {
  if (devices.length > 0) return devices;
  const carriers = carriersOf(addresses);
  if (carriers.length > 0) return carriers;
  throw new ToriiError('device_unknown', `no device of this host carries ${addresses.join(' or ')}, as node.address says`);
}

/** Devices that carry one of the addresses. */
function carriersOf(addresses: readonly string[]): readonly string[] {
  return Object.entries(networkInterfaces())
    .filter(([, infos = []]) => infos.some(({ address }) => addresses.includes(address)))
    .map(([device]) => device);
}

function familiesOf({ vips }: HostIntent): readonly Family[] {
  return [...new Set<Family>(vips.map(({ address }) => familyOf(address)))];
}

async function roomFor(intent: HostIntent, devices: readonly string[]): Promise<Room> {
  return { mtuBytes: await smallestMtu(devices), overheadBytes: overheadBytes(intent) };
}

async function smallestMtu(devices: readonly string[]): Promise<number> {
  const rows = JSON.parse(await run(['ip', '-json', 'link', 'show'])) as readonly {
    readonly ifname: string;
    readonly mtu: number;
  }[];
  return Math.min(...rows.filter(({ ifname }) => devices.includes(ifname)).map(({ mtu }) => mtu));
}
