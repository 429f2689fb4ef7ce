// What was set of the network devices before this daemon changed it, kept in the state directory: a daemon that was killed leaves its
// settings behind, and the next one must not take them for the operator's. Main thread, at start and at the end.
//
// Written before anything is changed, narrowed to what is once the engines run, gone after an orderly end. What a dead daemon left
// stays as it is, since the next one wants it so, too, and goes back to what it was when that ends; on a device that the document has lost
// since, at the next start, and so does a filter of its engine, unless another balancer has the device by then. Only what still is as
// it was left is set back; a device of another boot or one that was made anew has nothing to be set back. Left out: devices that
// appear later, and the number of queues of one that the document has lost.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writeDurably } from '../config/state-dir.ts';
import type { Swept } from '../dataplane/addon.ts';
import { messageOf } from '../errors.ts';
import type { Feature, NetAddon } from '../net.ts';

/** Files that say where a queue's packets are received (interrupts.ts). */
export const bindingPath = /^\/(proc\/irq\/\d+\/smp_affinity_list|sys\/class\/net\/[^/]+\/queues\/[^/]+\/rps_cpus)$/;
export const noteFile = 'devices.json';
const features: readonly Feature[] = ['lro', 'rxVlan', 'gro'];

const noted = z.strictObject({
  ifindex: z.number(),
  /** Were on. */
  on: z.array(z.enum(['lro', 'rxVlan', 'gro'])),
  /** Number of combined queues; null: the device has no such number. */
  queues: z.number().nullable(),
});
const note = z.strictObject({
  /** Of this boot of the kernel: the next one has settings of its own. */
  boot: z.string(),
  devices: z.record(z.string(), noted),
  /** Of files that bind interrupts, by path. */
  files: z.record(z.string().regex(bindingPath), z.string()),
});
type Noted = z.infer<typeof noted>;
type Note = z.infer<typeof note>;

export interface DeviceSettingsParams {
  readonly net: Pick<NetAddon, 'links' | 'features' | 'turnOn' | 'channels'>;
  readonly directory: string;
  readonly devices: readonly string[];
  /** Takes away what a dead daemon's engine left on a device. */
  readonly sweep: (device: string) => Swept;
  /** What was done, in words. */
  readonly say: (message: string) => void;
  /** What cannot be noted or set back, in words. */
  readonly warn: (message: string) => void;
  readonly boot?: string;
}

export class DeviceSettings {
  readonly #params: DeviceSettingsParams;
  readonly #boot: string;
  readonly #devices = new Map<string, Noted>();
  readonly #files: Map<string, string>;
  /** Not in the document any more, and another balancer's. */
  readonly #lent = new Set<string>();

  /** Notes what is set now, or, of what a dead daemon left, what was set before that. */
  constructor(params: DeviceSettingsParams) {
    this.#params = params;
    this.#boot = params.boot ?? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const left = this.#read();
    this.#files = new Map(Object.entries(left?.files ?? {}));
    const ifindexes = new Map(params.net.links().map(({ name, ifindex }) => [name, ifindex]));
    for (const device of new Set([...params.devices, ...Object.keys(left?.devices ?? {})])) {
      const ifindex = ifindexes.get(device);
      if (ifindex === undefined) continue;
      const before = left?.devices[device];
      const same = before?.ifindex === ifindex ? before : undefined;
      if (!params.devices.includes(device)) {
        if (same === undefined || this.#giveBack(device, same)) continue;
        this.#lent.add(device);
      }
      const now = this.#on(device);
      const on = features.filter((each) => now.has(each) || same?.on.includes(each) === true);
      this.#devices.set(device, { ifindex, on, queues: same?.queues ?? this.#queues(device) });
    }
    this.#write();
  }

  /** Queues as they were, by device. */
  get queues(): ReadonlyMap<string, number> {
    return new Map([...this.#devices].flatMap(([device, { queues }]) => (queues === null ? [] : [[device, queues]])));
  }

  /** What files held, of those that a dead daemon changed. */
  get files(): ReadonlyMap<string, string> {
    return this.#files;
  }

  /** The engines run, and these files were changed: what they left on is not theirs to turn on in the end. */
  running(files: ReadonlyMap<string, string>): void {
    for (const [device, was] of this.#devices) {
      const now = this.#on(device);
      this.#devices.set(device, { ...was, on: was.on.filter((each) => !now.has(each)) });
    }
    this.#files.clear();
    for (const [path, held] of files) this.#files.set(path, held);
    this.#write();
  }

  /** After the engines have put back what they changed themselves. */
  restore(): void {
    const { net, directory, warn } = this.#params;
    const ifindexes = new Map(net.links().map(({ name, ifindex }) => [name, ifindex]));
    for (const [device, noted] of this.#devices) {
      if (ifindexes.get(device) !== noted.ifindex) continue;
      if (this.#lent.has(device)) this.#giveBack(device, noted);
      else this.#turnOn(device, noted.on);
    }
    try {
      rmSync(join(directory, noteFile), { force: true });
    } catch (error) {
      warn(`${join(directory, noteFile)} cannot be removed: ${messageOf(error)}`);
    }
  }

  /** False: it is another balancer's, which wants it as it is. */
  #giveBack(device: string, { on }: Noted): boolean {
    const { sweep, say } = this.#params;
    const swept = sweep(device);
    if (swept === 'notOurs') return false;
    const done = [...(swept === 'filter' ? ['filter removed'] : []), ...this.#turnOn(device, on).map((each) => `${each} on`)];
    if (done.length > 0)
      say(`device ${device}, not in the document any more, is put back as it was before a killed torii: ${done.join(', ')}`);
    return true;
  }

  /** Those that were off. */
  #turnOn(device: string, on: readonly Feature[]): readonly Feature[] {
    const { net, warn } = this.#params;
    const now = this.#on(device);
    return on.filter((feature) => {
      if (now.has(feature)) return false;
      try {
        net.turnOn(device, feature);
        return true;
      } catch (error) {
        warn(`${device}: ${feature} was on before and stays off: ${messageOf(error)}`);
        return false;
      }
    });
  }

  #on(device: string): ReadonlySet<Feature> {
    try {
      const now = this.#params.net.features(device);
      return new Set(features.filter((each) => now[each]));
    } catch {
      return new Set(); // It has just gone.
    }
  }

  #queues(device: string): number | null {
    try {
      return this.#params.net.channels(device)?.count ?? null;
    } catch {
      return null;
    }
  }

  #read(): Note | undefined {
    const { directory, warn } = this.#params;
    try {
      const text = readIfThere(directory, noteFile);
      if (text === undefined) return undefined;
      const left = note.parse(JSON.parse(text));
      return left.boot === this.#boot ? left : undefined;
    } catch (error) {
      warn(`${join(directory, noteFile)} is of no use, so what a former torii changed may stay changed: ${messageOf(error)}`);
      return undefined;
    }
  }

  #write(): void {
    const { directory, warn } = this.#params;
    const now: Note = { boot: this.#boot, devices: Object.fromEntries(this.#devices), files: Object.fromEntries(this.#files) };
    try {
      writeDurably(join(directory, noteFile), JSON.stringify(now));
    } catch (error) {
      warn(`after a crash devices would keep the settings of torii, since they cannot be noted: ${messageOf(error)}`);
    }
  }
}
