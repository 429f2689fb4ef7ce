// Structured logs on standard error: one line of JSON each on a journal or pipe, readable on a terminal. Main thread; the
// other threads post theirs to it. A journal is told the level before the line, by sd-daemon(3)'s prefix, which it takes off:
// `journalctl -u torii -p warning`.
//
// The same message (level, words and text fields equal) is written five times in ten seconds and then counted; the count
// follows when the ten seconds end, so that a flapping peer cannot fill a disk or hide the rest. A field named like a
// secret is never written.

import { isatty } from 'node:tty';
import pino, { type DestinationStream, type LevelWithSilent, type Logger } from 'pino';
import { isJournal, journalLine } from './journal.ts';

export interface LogOptions {
  readonly level: LevelWithSilent;
  /** auto: text on a terminal, else json. */
  readonly format: 'auto' | 'json' | 'text';
  /** Default: standard error, written without blocking and flushed at exit. */
  readonly destination?: DestinationStream;
}

const windowMs = 10_000;
const writtenPerWindow = 5;
const secretKeys = ['password', 'secret', 'clusterSecret', 'authorization', 'token'];

export function createLogger({ level, format, destination }: LogOptions): Logger {
  const isText = format === 'text' || (format === 'auto' && isatty(2));
  const sink = destination ?? pino.destination({ fd: 2, sync: false });
  const repeats = new RepeatFilter();
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[secret]' },
      hooks: {
        logMethod(args, method, levelNumber) {
          const values: readonly unknown[] = args;
          const message = values.find((each) => typeof each === 'string') ?? '';
          const key = [levelNumber, ...textsOf(this.bindings()), ...values.flatMap(textsOf)].join('\n');
          const writeCount = (repeated: number): void => method.apply(this, [{ repeated }, message]);
          if (repeats.admits(key, writeCount)) method.apply(this, args);
        },
      },
    },
    isText
      ? { write: (line: string) => sink.write(readableLine(line)) }
      : destination === undefined && isJournal(2, process.env)
        ? { write: (line: string) => sink.write(journalLine(line)) }
        : sink,
  );
}

/** The texts by which two messages are the same or not; numbers (counts, times) do not make a message another one. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Error) return [value.message];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap((each: unknown) =>
    typeof each === 'string' ? [each] : each instanceof Error ? [each.message] : [],
  );
}

/** Lets a key through a few times a window, then counts it and tells the count at the window's end. */
class RepeatFilter {
  readonly #seen = new Map<string, { count: number }>();

  admits(key: string, tellSuppressed: (count: number) => void): boolean {
    const seen = this.#seen.get(key);
    if (seen !== undefined) {
      seen.count += 1;
      return seen.count <= writtenPerWindow;
    }
    const entry = { count: 1 };
    this.#seen.set(key, entry);
    const end = (): void => {
      this.#seen.delete(key);
      if (entry.count > writtenPerWindow) tellSuppressed(entry.count - writtenPerWindow);
    };
    setTimeout(end, windowMs).unref();
    return true;
  }
}

interface Line {
  readonly time?: string;
  readonly level?: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
  readonly [field: string]: unknown;
}

/** `22:04:57.123 warn  session lost peer=10.0.1.1 reason="hold timer expired"` */
export function readableLine(json: string): string {
  const { time = '', level = '', msg = '', err, ...fields } = JSON.parse(json) as Line;
  const words = Object.entries(fields).map(([name, value]) => `${name}=${readableValue(value)}`);
  const line = [time.slice(11, 23), level.padEnd(5), msg, ...words].join(' ');
  const stack = err === undefined ? [] : (err.stack ?? err.message ?? '').split('\n').map((each) => `  ${each}`);
  // A router's words may be in it: no control character reaches the terminal.
  const lines = [line, ...stack].map((each) => each.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ').trimEnd());
  return `${lines.join('\n')}\n`;
}

function readableValue(value: unknown): string {
  return typeof value === 'string' && /^[\w.:/[\]@+-]+$/.test(value) ? value : JSON.stringify(value);
}
