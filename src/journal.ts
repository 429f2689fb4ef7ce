// Levels for the systemd journal: sd-daemon(3)'s prefix before each line, which the journal takes off, so that
// `journalctl -u torii -p warning` finds what matters. Keeps nothing; looks at one open file. Apart from logging.ts, so that the
// operator verbs need not load a logger.

import { fstatSync } from 'node:fs';

/** systemd names the device and inode of the journal it gave us; standard error may lead elsewhere since. */
export function isJournal(descriptor: number, { JOURNAL_STREAM: stream }: NodeJS.ProcessEnv): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

const journalPriorities: Readonly<Record<string, number>> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3, fatal: 2 };

/** `<4>{"level":"warn",…}` */
export function journalLine(json: string): string {
  const level = /^\{"level":"(\w+)"/.exec(json)?.[1] ?? 'info';
  return `<${journalPriorities[level] ?? 6}>${json}`;
}

/** What ends the process, each of its lines as an error. */
export function journalError(text: string): string {
  return text.replaceAll(/^(?=.)/gm, `<${journalPriorities['error']}>`);
}
