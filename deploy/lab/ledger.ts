// What a lab has put into the machine, written down before or as it happens, so that another process can clear it
// away after a crash of this one.
//
// One append-only file of JSON lines in the lab's directory. A process is known by pid and start time (proc(5), stat
// field 22), so that a recycled pid is never killed by mistake. A line cut off by a crash is ignored. Namespaces need
// no line: their names begin with the lab's.

import { appendFileSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ToriiError } from '../../src/errors.ts';

export interface ProcessRecord {
  readonly kind: 'process';
  readonly id: string;
  readonly pid: number;
  readonly startTime: string;
}

/** The program that set the lab up and means to take it down; absent when it was left to stay (`up`, `--keep`). */
export interface OwnerRecord {
  readonly kind: 'owner';
  readonly pid: number;
  readonly startTime: string;
}

export interface DirectoryRecord {
  readonly kind: 'directory';
  readonly path: string;
}

/** How the lab was planned (LabOptions), for a later process that opens it. */
export interface PlanRecord {
  readonly kind: 'plan';
  readonly options: unknown;
}

export type LedgerRecord = ProcessRecord | OwnerRecord | DirectoryRecord | PlanRecord | { readonly kind: 'disowned' };

export class Ledger {
  readonly directory: string;
  readonly #file: string;

  constructor(directory: string) {
    this.directory = directory;
    this.#file = join(directory, 'ledger.jsonl');
  }

  /** Makes the directory, for this user only. The name can be guessed, so one that somebody else made is refused. */
  create(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const { uid } = lstatSync(this.directory);
    if (uid !== process.getuid?.()) {
      throw new ToriiError('no_privilege', `${this.directory} belongs to user ${uid}: remove it, or choose another lab name`);
    }
  }

  add(record: LedgerRecord): void {
    appendFileSync(this.#file, `${JSON.stringify(record)}\n`);
  }

  records(): readonly LedgerRecord[] {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch {
      return [];
    }
    return text.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as LedgerRecord];
      } catch {
        return [];
      }
    });
  }

  processes(): readonly ProcessRecord[] {
    return this.records().filter((record) => record.kind === 'process');
  }

  plan(): unknown {
    return this.records().findLast((record) => record.kind === 'plan')?.options;
  }

  /** The owner, unless the lab was left to stay. It may be dead by now. */
  owner(): OwnerRecord | undefined {
    const last = this.records().findLast((record) => record.kind === 'owner' || record.kind === 'disowned');
    return last?.kind === 'owner' ? last : undefined;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
