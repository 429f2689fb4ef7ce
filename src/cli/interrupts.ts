// `torii interrupts bind | restore`: for the service manager, which runs it with root's rights beside the unprivileged daemon. Asks the
// daemon for its devices and the cores of its workers; main.ts injects what then writes. Not shown in the help.

import { Argument, type Command } from 'commander';
import type { Io } from './io.ts';
import { openSession } from './session.ts';

export interface InterruptsLauncher {
  bind(request: { readonly devices: readonly string[]; readonly cores: readonly number[] }): Promise<readonly string[]>;
  restore(): Promise<readonly string[]>;
}

export function addInterrupts(program: Command, io: Io, launcher: InterruptsLauncher): void {
  const command = program
    .command('interrupts', { hidden: true })
    .description('Bind the interrupts of receive queues to the cores of the workers that serve them, or put them back.')
    .addArgument(new Argument('<what>').choices(['bind', 'restore']));
  command.action(async (what: string) => {
    const lines = what === 'bind' ? await bind(command, io, launcher) : await launcher.restore();
    for (const line of lines) io.out(`${line}\n`);
  });
}

async function bind(command: Command, io: Io, launcher: InterruptsLauncher): Promise<readonly string[]> {
  const { clients } = openSession(command, io);
  const lines: string[] = [];
  for (const client of clients) {
    const { devices, workers } = await client.read('engine');
    const cores = workers.flatMap(({ core }) => (core === null ? [] : [core]));
    const names = devices.map(({ device }) => device);
    lines.push(...(await launcher.bind({ devices: names, cores: cores.length === workers.length ? cores : [] })));
  }
  return lines;
}
