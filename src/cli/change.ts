// The verbs that change: drain, undrain, disable, enable, weight, hold, release, maintenance, reload.
//
// drain, disable, weight and hold are an operator's word over the document's; undrain, enable, `weight … document` and
// release take it back, so that what the document says holds again. One verb to several nodes goes to all of them.

import { type Command, Option } from 'commander';
import { ToriiError } from '../errors.ts';
import { maxWeight, type OperatorState } from '../model/backend.ts';
import { wordBounds } from '../model/operator.ts';
import { canonicalVipName } from '../model/vip.ts';
import type { Client } from './client.ts';
import { parseDurationSec } from './duration.ts';
import { CliFailure } from './failure.ts';
import { askAll } from './fleet.ts';
import { sentence, withExample } from './help.ts';
import type { Io } from './io.ts';
import { openSession } from './session.ts';
import { suggest, type Wanted } from './suggest.ts';

interface WordOptions {
  readonly why?: string;
  readonly for?: number;
  readonly ifRevision?: number;
}

interface Patch {
  readonly path: string;
  readonly json: Readonly<Record<string, unknown>>;
  /** "acme-web/10.0.2.21 draining" */
  readonly done: string;
  /** Throws where the node's state forbids the change. */
  readonly guard?: ((client: Client) => Promise<void>) | undefined;
}

const backendArgument = ['<backend>', 'POOL/ADDRESS, or ADDRESS where only one pool has it'] as const;

export function addChangeVerbs(program: Command, io: Io): void {
  addStateVerbs(program, io);
  addWeight(program, io);
  addHolds(program, io);
  addMaintenance(program, io);
  addReload(program, io);
}

function addStateVerbs(program: Command, io: Io): void {
  const verbs: readonly (readonly [string, OperatorState | null, string, string])[] = [
    ['drain', 'draining', 'give a backend no new flows; flows it has stay', '--for 1h --why "kernel upgrade"'],
    ['undrain', null, 'take a drain back: the document holds again', ''],
    ['disable', 'disabled', 'take all traffic from a backend; its flows choose anew', '--why "disk failing"'],
    ['enable', null, 'take a disable back: the document holds again', ''],
  ];
  for (const [verb, state, summary, words] of verbs) {
    const command = withWords(
      program
        .command(verb)
        .summary(summary)
        .description(sentence(summary))
        .argument(...backendArgument),
    );
    withExample(command, [`torii ${verb} acme-web/10.0.2.21 ${words}`.trim()]);
    command.action(async (target: string) => {
      const done = `${target} ${state ?? 'as the document says'}`;
      const guard = state === null ? (client: Client) => refuseOtherWord(client, verb, target) : undefined;
      await patch(command, io, { path: backendPath(target), json: { state }, done, guard });
    });
  }
}

const takesBack: Readonly<Record<string, string>> = { undrain: 'draining', enable: 'disabled' };

/** Both verbs take back the operator's word, whichever it is: one who ends a drain must not end another's disable. */
async function refuseOtherWord(client: Client, verb: string, target: string): Promise<void> {
  const { overrides } = await client.read('status');
  const isTarget = (each: string): boolean => each === target || each.slice(each.lastIndexOf('/') + 1) === target;
  const word = overrides.find((each) => each.kind === 'state' && isTarget(each.target));
  const right = Object.keys(takesBack).find((each) => takesBack[each] === word?.value);
  if (word === undefined || right === undefined || right === verb) return;
  const why = word.why === null ? '' : ` (${word.why})`;
  const next = `torii ${right} ${word.target} takes that back`;
  throw new CliFailure('bad_request', `${verb}: ${word.target} is ${word.value}, said by ${word.by}${why}; nothing was changed`, {
    next,
  });
}

function addWeight(program: Command, io: Io): void {
  const summary = 'set the weight of a backend, or give it back to the document';
  const command = withWords(
    program
      .command('weight')
      .summary(summary)
      .description(sentence(summary))
      .argument(...backendArgument)
      .argument('<weight>', `0 to ${maxWeight}, or "document"`),
  );
  withExample(command, ['torii weight acme-web/10.0.2.21 50 --why "new hardware"', 'torii weight acme-web/10.0.2.21 document']);
  command.action(async (target: string, text: string) => {
    const weight = text === 'document' ? null : Number(text);
    if (weight !== null && (!/^\d+$/.test(text) || weight > maxWeight)) {
      throw new ToriiError('usage', `weight: expected 0 to ${maxWeight} or "document", got ${text}`);
    }
    await patch(command, io, {
      path: backendPath(target),
      json: { weight },
      done: `${target} weight ${weight ?? 'as the document says'}`,
    });
  });
}

function addHolds(program: Command, io: Io): void {
  const verbs = [
    ['hold', true, 'let routers move a VIP away from this node, then withdraw it until it is released'],
    ['release', false, 'announce a held VIP again, as soon as it works'],
  ] as const;
  for (const [verb, held, summary] of verbs) {
    const command = withWords(
      program
        .command(verb)
        .summary(summary)
        .description(sentence(summary))
        .argument('<vip>', 'as torii vips writes it: 203.0.113.10:80/tcp'),
    );
    withExample(command, [`torii ${verb} 203.0.113.10:80/tcp${held ? ' --why "moving to site B"' : ''}`]);
    command.action(async (text: string) => {
      const name = canonicalVipName(text);
      if (name === undefined) throw new ToriiError('usage', `${verb}: expected a VIP like 203.0.113.10:80/tcp, got ${text}`);
      await patch(command, io, {
        path: `/v1/vips/${encodeURIComponent(name)}`,
        json: { held },
        done: `${name} ${held ? 'held' : 'released'}`,
      });
    });
  }
}

function addMaintenance(program: Command, io: Io): void {
  const summary = 'let routers move all VIPs away from this node, then withdraw them (on), or announce them again (off)';
  const command = withWords(program.command('maintenance').summary(summary).description(sentence(summary)).argument('<on|off>'));
  withExample(command, ['torii maintenance on --for 2h --why "switch replacement"', 'torii maintenance off']);
  command.action(async (word: string) => {
    if (word !== 'on' && word !== 'off') throw new ToriiError('usage', `maintenance: expected on or off, got ${word}`);
    await patch(command, io, { path: '/v1/node', json: { maintenance: word === 'on' }, done: `maintenance ${word}` });
  });
}

function addReload(program: Command, io: Io): void {
  const summary = 'read the document again and apply it whole, or keep the old one and say why';
  const command = program
    .command('reload')
    .summary(summary)
    .description(sentence(summary))
    .option('--force', 'apply even a document that loses more than half of the VIPs or backends')
    .option('--json', 'print the answer as JSON');
  withRevision(command);
  withExample(command, ['torii reload', 'torii reload --force']);
  command.action(async () => {
    const { force = false, ifRevision = null } = command.opts<{ force?: boolean; ifRevision?: number }>();
    const ask = async (client: Client): Promise<Reloaded> =>
      client.send<Reloaded>('/v1/reload', { method: 'POST', json: { force }, ifRevision });
    await report(command, io, ask, ({ revision, changes }) =>
      changes.length === 0
        ? `nothing to change: revision ${revision} stays\n`
        : `revision ${revision} applied\n${changes.map((each) => `  ${each}\n`).join('')}`,
    );
  });
}

interface Reloaded {
  readonly revision: number;
  readonly changes: readonly string[];
}

function withWords(command: Command): Command {
  command
    .addOption(new Option('--for <time>', 'end by itself after 45s, 30m, 1h30m, 2d').argParser(parseEnd))
    .addOption(new Option('--why <reason>', 'shown by torii status and in the audit log').argParser(parseWhy))
    .option('--json', 'print the answer as JSON');
  return withRevision(command);
}

function withRevision(command: Command): Command {
  const option = new Option('--if-revision <number>', 'only if this is still the revision (torii status shows it)');
  return command.addOption(option.argParser(parseRevision));
}

function parseEnd(text: string): number {
  const seconds = parseDurationSec(text);
  if (seconds <= wordBounds.forDays * 86_400) return seconds;
  throw new ToriiError('usage', `--for: expected at most ${wordBounds.forDays}d, got ${text}`);
}

function parseWhy(text: string): string {
  const { whyCharacters: most } = wordBounds;
  if (text.length >= 1 && text.length <= most) return text;
  throw new ToriiError('usage', `--why: expected 1 to ${most} characters, got ${text.length}`);
}

function parseRevision(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new ToriiError('usage', `--if-revision: expected a number, got ${text}`);
  return Number(text);
}

function backendPath(target: string): string {
  return `/v1/backends/${encodeURIComponent(target)}`;
}

async function patch(command: Command, io: Io, { path, json, done, guard }: Patch): Promise<void> {
  const { why = null, for: forSec = null, ifRevision = null } = command.opts<WordOptions>();
  const ask = async (client: Client): Promise<{ revision: number }> => {
    await guard?.(client);
    const change = { method: 'PATCH', json: { ...json, why, forSec }, ifRevision } as const;
    return client.send<{ revision: number }>(path, change).catch((error: unknown) => suggest(client, wantedOf(path), error));
  };
  await report(command, io, ask, ({ revision }) => `${done} (revision ${revision})\n`);
}

function wantedOf(path: string): Wanted {
  const name = decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
  return path.startsWith('/v1/vips') ? { vip: name } : { backend: name };
}

/** Sends to every node and prints what each answered; the first failure decides the exit code. */
async function report<T>(
  command: Command,
  io: Io,
  ask: (client: Client) => Promise<T>,
  words: (answer: T) => string,
): Promise<void> {
  const { clients } = openSession(command, io);
  const { given, failure } = await askAll(clients, ask, io);
  const isJson = command.opts<{ json?: boolean }>().json === true;
  for (const { api, value } of given) {
    const text = isJson ? `${JSON.stringify(value)}\n` : words(value);
    io.out(clients.length === 1 || isJson ? text : `${api}: ${text}`);
  }
  if (failure !== null) throw failure;
}
