// The command line: every verb, its options and help. Roles and replays are started by launchers that main.ts injects; what
// has no launcher is no verb. Everything else speaks HTTP, save check, schema and secret.

import { Command } from 'commander';
import { nearText } from '../model/near.ts';
import { addCapture } from './capture.ts';
import { addChangeVerbs } from './change.ts';
import { addDocumentVerbs } from './document.ts';
import { addExplain } from './explain.ts';
import { CliFailure, helpStep } from './failure.ts';
import { addFlows } from './flows.ts';
import { exitCodesText, sentence, withExample } from './help.ts';
import { addInterrupts, type InterruptsLauncher } from './interrupts.ts';
import { type Io, processIo } from './io.ts';
import { addLookVerbs } from './look.ts';
import { addReplay, type ReplayLauncher } from './replay.ts';
import { collectApi } from './session.ts';

export type Role = 'balancer' | 'host' | 'controller';

export interface RoleOptions {
  /** Path of the document. */
  readonly config: string;
}

/** Runs a role until it is told to stop. */
export type Launcher = (options: RoleOptions) => Promise<void>;

export type Launchers = Readonly<
  Partial<Record<Role, Launcher> & { readonly replay: ReplayLauncher; readonly interrupts: InterruptsLauncher }>
>;

const roleSummaries: Readonly<Record<Role, string>> = {
  balancer: 'run the balancer: BGP, packet path, health checks, API',
  host: 'run the host agent of a backend: decapsulation, VIPs, health',
  controller: "run the fleet's API",
};

export function buildProgram(launchers: Launchers, io: Io = processIo(), version = '0.0.0'): Command {
  const program = new Command('torii')
    .description('Torii, a layer-4 load balancer: one program for every role and for its operators.')
    .version(version)
    .option(
      '--api <where>',
      'node to speak to: socket path or HOST:PORT; repeatable [TORII_API, /run/torii/api.sock]',
      collectApi,
    )
    .addHelpText('after', exitCodesText())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      outputError: (text, write) => write(text.replace(/^error:/, 'torii:')),
    })
    .showHelpAfterError(`  next: ${helpStep(undefined)}`);
  withExample(program, ['torii status', 'torii drain acme-web/10.0.2.21 --for 1h --why "kernel upgrade"']);
  addRoles(program, launchers);
  addLookVerbs(program, io);
  addChangeVerbs(program, io);
  addExplain(program, io);
  addFlows(program, io);
  addCapture(program, io);
  addDocumentVerbs(program, io);
  if (launchers.replay !== undefined) addReplay(program, io, launchers.replay);
  if (launchers.interrupts !== undefined) addInterrupts(program, io, launchers.interrupts);
  addHelp(program);
  for (const verb of program.commands) verb.showHelpAfterError(`  next: ${helpStep(verb.name())}`);
  return program;
}

/** commander's own shows the list of all verbs for one that there is not, without a word. */
function addHelp(program: Command): void {
  program.helpCommand(false);
  const command = program
    .command('help')
    .summary('all verbs, or one with its options and examples')
    .description('All verbs, or one with its options and examples.')
    .argument('[verb]');
  withExample(command, ['torii help', 'torii help drain']).action((name: string | undefined) => {
    const verb = name === undefined ? program : program.commands.find((each) => each.name() === name);
    if (verb !== undefined) return verb.outputHelp();
    const names = program.commands.map((each) => each.name());
    throw new CliFailure('usage', `no verb ${name}${nearText(name ?? '', names)}`, { next: helpStep(undefined) });
  });
}

function addRoles(program: Command, launchers: Launchers): void {
  for (const role of ['balancer', 'host', 'controller'] as const) {
    const launch = launchers[role];
    if (launch === undefined) continue;
    const command = program
      .command(role)
      .summary(roleSummaries[role])
      .description(sentence(roleSummaries[role]))
      .option('--config <file>', 'the document', '/etc/torii/torii.yaml');
    withExample(command, [`torii ${role} --config /etc/torii/torii.yaml`]);
    command.action(async () => launch(command.opts<RoleOptions>()));
  }
}
