// What the CLI touches of its process: streams, environment, clock, signals. Tests give their own.

import { once } from 'node:events';
import { hostname, userInfo } from 'node:os';
import { isatty } from 'node:tty';
import { errorTable } from '../errors.ts';
import { isJournal, journalError } from '../journal.ts';
import { operatorName } from '../model/operator.ts';

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Fulfilled when standard output can take more. */
  outBytes(bytes: Uint8Array): Promise<void>;
  /** One line on standard error that takes the place of the one before, where that is a terminal; else nothing. */
  progress(line: string): void;
  /** Fulfilled when standard output can take more: who writes much waits now and then, or it piles up in memory. Who does
   * has other work to finish, which from then on outlives a reader that leaves early. */
  drained(): Promise<void>;
  /** Standard output is a terminal: clear it between repaints. */
  readonly isTerminal: boolean;
  readonly hasColour: boolean;
  /** Of that terminal; null where standard output is none, or does not say. */
  readonly widthColumns: number | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Who asks, for the audit log. */
  readonly operator: string;
  now(): number;
  /** A signal that aborts when the user interrupts; from then on an interrupt no longer ends the process by itself. */
  untilInterrupted(): AbortSignal;
}

export function processIo(): Io {
  const { stdout, stderr, env } = process;
  const isTerminal = isatty(1);
  // `torii vips | head` closes the pipe early; that is no failure of ours.
  let hasOtherWork = false;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') {
      stderr.write(`torii: standard output cannot be written: ${error.message}\n`);
      process.exit(errorTable.output_failed.exitCode);
    }
    if (!hasOtherWork) process.exit(0);
  });
  return {
    out: (text) => void stdout.write(text),
    // A role under systemd ends with words, too.
    err: (text) => void stderr.write(isJournal(2, env) ? journalError(text) : text),
    outBytes: async (bytes) => {
      if (!stdout.write(bytes)) await once(stdout, 'drain').catch(() => undefined);
    },
    progress: (line) => void (isatty(2) && stderr.write(`\r\u001b[K${line}`)),
    drained: async () => {
      hasOtherWork = true;
      if (stdout.writableNeedDrain) await once(stdout, 'drain').catch(() => undefined);
    },
    isTerminal,
    hasColour: isTerminal && env['NO_COLOR'] === undefined && env['TERM'] !== 'dumb',
    get widthColumns() {
      return isTerminal && stdout.columns > 0 ? stdout.columns : null;
    },
    env,
    operator: operatorName(`${env['SUDO_USER'] ?? userName()}@${hostname()}`),
    now: Date.now,
    untilInterrupted: () => {
      const stopper = new AbortController();
      process.once('SIGINT', () => stopper.abort());
      return stopper.signal;
    },
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid${process.getuid?.() ?? ''}`; // containers run as users that no passwd file knows
  }
}
