// The verbs that need no daemon: check, schema, secret. They are the CLI's only use of the config room, loaded when
// asked for, so that no other verb waits for it.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { messageOf } from '../errors.ts';
import { CliFailure } from './failure.ts';
import { withExample } from './help.ts';
import type { Io } from './io.ts';
import { clean } from './table.ts';

export function addDocumentVerbs(program: Command, io: Io): void {
  addCheck(program, io);
  const schema = program
    .command('schema')
    .summary("print the document's JSON Schema, for editors")
    .description("Print the document's JSON Schema, for editors.");
  withExample(schema, ['torii schema > torii.schema.json']).action(async () => {
    const { documentJsonSchemaText } = await import('../config/json-schema.ts');
    io.out(documentJsonSchemaText());
  });
  const secret = program
    .command('secret')
    .summary('make a cluster secret')
    .description('Make a cluster secret: 32 random bytes as 64 hex digits.');
  withExample(secret, ['torii secret > /etc/torii/cluster.key']).action(() => io.out(`${randomBytes(32).toString('hex')}\n`));
}

function addCheck(program: Command, io: Io): void {
  const command = program
    .command('check')
    .summary('test a document without applying it')
    .description(
      'Test a document without applying it. A secret that cannot be read here is a warning. Exit code 0: it would be accepted; 2: it would not.',
    )
    .argument('<file>')
    .option('--json', 'print {problems, warnings, summary}');
  withExample(command, ['torii check /etc/torii/torii.yaml']);
  command.action(async (file: string) => {
    const { checkFile } = await import('../config/check-document.ts');
    const result = checkFile(await readDocument(file), file, process.env);
    if (command.opts<{ json?: boolean }>().json === true) io.out(`${JSON.stringify(result)}\n`);
    for (const warning of result.warnings) io.err(`warning: ${clean(warning)}\n`);
    if (result.summary === null) {
      throw new CliFailure('config_invalid', `${file}: ${counted(result.problems.length, 'problem')}`, {
        detail: result.problems,
        next: 'mend these lines, then check it again',
      });
    }
    const { tenants, vips, pools, backends, peers } = result.summary;
    const counts = [
      counted(tenants, 'tenant'),
      counted(vips, 'VIP'),
      counted(pools, 'pool'),
      counted(backends, 'backend'),
      counted(peers, 'peer'),
    ];
    if (command.opts<{ json?: boolean }>().json !== true) io.out(`${file}: accepted, ${counts.join(', ')}\n`);
  });
}

async function readDocument(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CliFailure('config_unreadable', `cannot read ${file}: ${messageOf(error)}`, {
      next: 'does the file exist, and may this user read it?',
    });
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
