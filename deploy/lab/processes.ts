// Starts and ends the lab's programs.
//
// A program runs detached, in its namespace, with its output in a log file, and is in the ledger before anything
// waits for it; so it outlives the lab's own process (`up`, `--keep`) and is found again after a crash. Programs are
// ended by pid and start time, never by name.

import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ToriiError } from '../../src/errors.ts';
import type { Ledger, ProcessRecord } from './ledger.ts';
import { environment, inNamespace } from './shell.ts';
import { until } from './until.ts';

export interface Identity {
  readonly pid: number;
  readonly startTime: string;
}

/** Who has this pid now; undefined when nobody has, or only a zombie whose parent has yet to notice. */
export function identify(pid: number): Identity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold anything, blanks and brackets included.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const startTime = fields[19];
    return startTime === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : { pid, startTime };
  } catch {
    return undefined;
  }
}

export function isAlive(identity: Identity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

export function signal(identity: Identity, name: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, name);
  } catch {
    // It ended between the look and the signal.
  }
}

export interface ProgramOptions {
  readonly id: string;
  readonly namespace: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export function logFile(ledger: Ledger, id: string): string {
  return join(ledger.directory, `${id}.log`);
}

/** Starts a program that stays in the foreground. Returns once it runs, not once it is ready. */
export async function startProgram(ledger: Ledger, options: ProgramOptions): Promise<ProcessRecord> {
  const [program = '', ...args] = inNamespace(options.namespace, options.argv);
  const log = openSync(logFile(ledger, options.id), 'a');
  try {
    const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], env: { ...environment, ...options.env } });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    return record(ledger, options.id, child.pid ?? 0);
  } finally {
    closeSync(log);
  }
}

/** Enters a daemon that put itself into the background and writes its pid into a file, perhaps a moment later. */
export async function recordPidFile(ledger: Ledger, id: string, file: string): Promise<ProcessRecord> {
  const pid = await until(() => (existsSync(file) ? Number(readFileSync(file, 'utf8').trim()) || undefined : undefined), {
    what: `the pid of ${id} in ${file}`,
    timeoutMs: 5_000,
    everyMs: 5,
  });
  return record(ledger, id, pid);
}

function record(ledger: Ledger, id: string, pid: number): ProcessRecord {
  const identity = identify(pid);
  if (identity === undefined) throw new ToriiError('internal', `${id} ended at once; its log is ${logFile(ledger, id)}`);
  const entry = { kind: 'process', id, ...identity } as const;
  ledger.add(entry);
  return entry;
}

/** Ends programs: SIGTERM, time to leave in good order, then SIGKILL. Returns when all are gone. */
export async function endAll(processes: readonly Identity[], graceMs: number): Promise<void> {
  const live = processes.filter(isAlive);
  for (const identity of live) signal(identity, 'SIGTERM');
  const allGone = () => !live.some(isAlive);
  await until(allGone, { what: 'the programs to end', timeoutMs: graceMs, everyMs: 10 }).catch(() => {
    for (const identity of live) signal(identity, 'SIGKILL');
  });
  await until(allGone, { what: 'killed programs to be gone', timeoutMs: 5_000, everyMs: 5 });
}

/** The end of a program's log, for error messages. */
export function logTail(ledger: Ledger, id: string, lines = 8): string {
  try {
    return readFileSync(logFile(ledger, id), 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}
