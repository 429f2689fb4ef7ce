// Runs one command line to its exit code. Nothing is thrown: every failure is printed with what to do next.

import { CommanderError } from 'commander';
import { errorTable, ToriiError } from '../errors.ts';
import { failureText } from './failure.ts';
import { type Io, processIo } from './io.ts';
import { buildProgram, type Launchers } from './program.ts';

export interface RunOptions {
  /** Without "node" and the script's path. */
  readonly args: readonly string[];
  readonly launchers: Launchers;
  readonly version: string;
  readonly io?: Io;
}

export async function runCli({ args, launchers, version, io = processIo() }: RunOptions): Promise<number> {
  let verb: string | undefined;
  try {
    const program = buildProgram(launchers, io, version);
    program.hook('preSubcommand', (_, command) => {
      verb = command.name();
    });
    if (args.length === 0) {
      io.err(program.helpInformation());
      return errorTable.usage.exitCode;
    }
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    // commander has printed its own words already; help and --version end with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : errorTable.usage.exitCode;
    if (error instanceof ToriiError) {
      io.err(`torii: ${failureText(error, verb)}`);
      return error.exitCode;
    }
    io.err(`torii: a defect in torii itself: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return errorTable.internal.exitCode;
  }
}
