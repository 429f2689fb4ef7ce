// `torii explain FLOW`: where a flow goes now, and why, step by step.

import type { Command } from 'commander';
import { ToriiError } from '../errors.ts';
import { flowText, readFlow } from '../model/flow.ts';
import type { ExplainView } from '../model/views.ts';
import { askAll } from './fleet.ts';
import { withExample } from './help.ts';
import type { Io } from './io.ts';
import { openSession, type Session } from './session.ts';
import { clean, paint, type Screen } from './table.ts';

export function addExplain(program: Command, io: Io): void {
  const command = program
    .command('explain')
    .summary('where a flow goes now, and why, step by step')
    .description(
      'Where a flow goes now, and why, step by step.\n\nFLOW is PROTOCOL SOURCE:PORT DESTINATION:PORT, or as captures write it, SOURCE:PORT > DESTINATION:PORT/PROTOCOL.\nPROTOCOL is tcp or udp; IPv6 addresses stand in brackets.',
    )
    .argument('<flow...>', 'in quotes or not; quote the form with ">"')
    .option('--json', 'the JSON of the API; of several nodes an object, one key per --api');
  withExample(command, [
    'torii explain tcp 198.51.100.7:40000 203.0.113.10:80',
    'torii explain "198.51.100.7:40000 > 203.0.113.10:80/tcp"',
    'torii explain tcp [2001:db8:9::7]:40000 [2001:db8::10]:443',
  ]);
  command.action(async (words: readonly string[]) => {
    const flow = readFlow(words.join(' '));
    if (typeof flow === 'string') throw new ToriiError('usage', `explain: ${flow}`);
    await explain(openSession(command, io), flowText(flow), command.opts<{ json?: boolean }>().json === true);
  });
}

async function explain({ io, clients, screen }: Session, flow: string, isJson: boolean): Promise<void> {
  const path = `/v1/explain?flow=${encodeURIComponent(flow)}`;
  const { given, failure } = await askAll(clients, (client) => client.json<ExplainView>(path), io);
  if (isJson) {
    const all = Object.fromEntries(given.map(({ api, value }) => [api, value]));
    io.out(`${JSON.stringify(clients.length === 1 ? given[0]?.value : all)}\n`);
  } else {
    for (const { api, value } of given) io.out((clients.length === 1 ? '' : `== ${api}\n`) + explainText(value, screen));
  }
  const ends = new Set(given.map(({ value }) => `${value.verdict} ${value.backend ?? value.reason ?? ''}`));
  if (ends.size > 1) {
    const each = given.map(({ api, value }) => `${value.verdict} ${value.backend ?? value.reason ?? ''} at ${api}`);
    io.err(`torii: warning: nodes differ on ${flow}: ${each.join('; ')}\n`);
  }
  if (failure !== null) throw failure;
}

function explainText({ flow, verdict, reason, backend, steps }: ExplainView, screen: Screen): string {
  const width = Math.max(0, ...steps.map(({ step }) => step.length));
  const lines = steps.map(({ step, result }) => `  ${clean(step).padEnd(width)}  ${clean(result)}\n`);
  const end = backend ?? reason ?? '';
  return `${flow}\n${lines.join('')}${paint({ text: verdict, tone: verdict === 'drop' ? 'bad' : 'good' }, screen)} ${end}`
    .trimEnd()
    .concat('\n');
}
