// Help texts that every verb shares: an example each, and the exit codes of the error table.

import type { Command } from 'commander';
import { errorTable } from '../errors.ts';

export function withExample(command: Command, examples: readonly string[]): Command {
  const title = examples.length === 1 ? 'Example' : 'Examples';
  return command.addHelpText('after', `\n${title}:\n${examples.map((each) => `  ${each}\n`).join('')}`);
}

/** A verb's line in the list of all, as its own help begins. */
export function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

/** "0 done\n 2 config_invalid, capacity …", from the error table. */
export function exitCodesText(): string {
  const byExit = new Map<number, string[]>([[0, ['done']]]);
  for (const [code, { exitCode }] of Object.entries(errorTable)) byExit.set(exitCode, [...(byExit.get(exitCode) ?? []), code]);
  const lines = [...byExit]
    .sort(([a], [b]) => a - b)
    .map(([exit, codes]) => `  ${String(exit).padStart(2)}  ${codes.join(', ')}\n`);
  return `\nExit codes (docs/errors.md says what each means):\n${lines.join('').trimEnd()}`;
}
