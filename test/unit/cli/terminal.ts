// An Io that keeps what is written, and a CLI run against it.

import type { Io } from '../../../src/cli/io.ts';
import type { Launchers } from '../../../src/cli/program.ts';
import { runCli } from '../../../src/cli/run.ts';

export interface Outcome {
  readonly exit: number;
  readonly out: string;
  readonly bytes: Uint8Array;
  readonly err: string;
}

interface Setting {
  readonly env?: Record<string, string>;
  readonly launchers?: Launchers;
  readonly hasColour?: boolean;
  readonly widthColumns?: number;
  /** Called after each write to standard output; may interrupt a --watch. */
  readonly onOut?: (written: string, interrupt: () => void) => void;
}

export async function torii(args: readonly string[], setting: Setting = {}): Promise<Outcome> {
  const { env = {}, launchers = {}, hasColour = false, widthColumns = null, onOut } = setting;
  const interrupted = new AbortController();
  let out = '';
  let err = '';
  const pieces: Uint8Array[] = [];
  const io: Io = {
    out: (text) => {
      out += text;
      onOut?.(out, () => interrupted.abort());
    },
    err: (text) => {
      err += text;
    },
    outBytes: async (bytes) => {
      pieces.push(Uint8Array.from(bytes));
      onOut?.(out, () => interrupted.abort());
    },
    progress: () => undefined,
    drained: async () => {},
    isTerminal: hasColour,
    hasColour,
    widthColumns,
    env,
    operator: 'eve@bastion',
    now: () => Date.parse('2025-01-01T01:00:00.000Z'),
    untilInterrupted: () => interrupted.signal,
  };
  const exit = await runCli({ args, launchers, version: '0.1.0', io });
  return { exit, out, err, bytes: Buffer.concat(pieces) };
}
