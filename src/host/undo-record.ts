// What the host agent changed on this machine, on disk, so that it can be undone: by this run when it stops, or by the
// next one when this run is killed.
//
// Written before each change, never after: a crash in between leaves an entry too many, and undoing what was not done
// is harmless. It belongs to one boot and one network namespace; another's is no longer true and counts as empty.

import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { readIfThere, writeDurably } from '../config/state-dir.ts';
import { messageOf, ToriiError } from '../errors.ts';

export interface SysctlChange {
  /** Below /proc/sys/net/ipv4/conf: "all/arp_ignore". */
  readonly name: string;
  readonly before: string;
  readonly set: string;
}

export interface RouteChange {
  readonly family: 4 | 6;
  /** The route as `ip route show` told it before. */
  readonly before: string;
  readonly advmssBytes: number;
}

export interface Changes {
  readonly sysctls: readonly SysctlChange[];
  /** Devices that had no clsact qdisc before. */
  readonly qdiscs: readonly string[];
  /** Devices with our filter. */
  readonly filters: readonly string[];
  readonly routes: readonly RouteChange[];
  /** Prefixes on the loopback device that were not there before. */
  readonly vips: readonly string[];
}

const fileName = 'undo.json';

const noChanges: Changes = { sysctls: [], qdiscs: [], filters: [], routes: [], vips: [] };

export class UndoRecord {
  readonly #path: string;
  readonly #place: string;
  #changes: Changes;

  /** Reads what an earlier run left in `directory`. */
  constructor(directory: string) {
    this.#path = join(directory, fileName);
    this.#place = `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/net')}`;
    this.#changes = this.#read(directory);
  }

  get changes(): Changes {
    return this.#changes;
  }

  get isEmpty(): boolean {
    return Object.values(this.#changes).every((list: readonly unknown[]) => list.length === 0);
  }

  /** Durable before it returns. */
  update(changes: Partial<Changes>): void {
    const next = { ...this.#changes, ...changes };
    if (isDeepStrictEqual(next, this.#changes)) return;
    this.#changes = next;
    try {
      writeDurably(this.#path, JSON.stringify({ place: this.#place, ...this.#changes }));
    } catch (error) {
      throw new ToriiError('no_privilege', `cannot write ${this.#path}: ${messageOf(error)}`, { cause: error });
    }
  }

  clear(): void {
    this.#changes = noChanges;
    rmSync(this.#path, { force: true });
  }

  #readText(directory: string): string | undefined {
    try {
      return readIfThere(directory, fileName);
    } catch (error) {
      throw new ToriiError('no_privilege', `cannot read ${this.#path}: ${messageOf(error)}`, { cause: error });
    }
  }

  #read(directory: string): Changes {
    const text = this.#readText(directory);
    if (text === undefined) return noChanges;
    try {
      const { place, ...changes } = JSON.parse(text) as Changes & { readonly place: string };
      return place === this.#place ? { ...noChanges, ...changes } : noChanges;
    } catch {
      // Ours are written whole or not at all, so this is none.
      return noChanges;
    }
  }
}
