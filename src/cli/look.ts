// The verbs that look: status, vips, backends, tenants, peers. Tables for people, --json for programs, --watch.

import type { Command } from 'commander';
import { ToriiError } from '../errors.ts';
import { failureText } from './failure.ts';
import { type Answer, askAll, differences } from './fleet.ts';
import { sentence, withExample } from './help.ts';
import type { Io } from './io.ts';
import { backendsPage } from './pages/backends.ts';
import { enginePage } from './pages/engine.ts';
import type { LoadPage, Page } from './pages/page.ts';
import { peerMessagesPage } from './pages/peer-messages.ts';
import { peersPage } from './pages/peers.ts';
import { statusPage } from './pages/status.ts';
import { tenantsPage } from './pages/tenants.ts';
import { vipsPage } from './pages/vips.ts';
import { openSession, type Session, screenOf } from './session.ts';

interface LookVerb {
  readonly verb: string;
  readonly summary: string;
  readonly argument: readonly [string, string] | null;
  readonly load: LoadPage;
  /** An option that shows another page instead. */
  readonly other?: { readonly option: string; readonly summary: string; readonly load: LoadPage };
  readonly examples: readonly string[];
}

const verbs: readonly LookVerb[] = [
  {
    verb: 'status',
    summary: 'the node on one screen: what is wrong, and what operators said',
    argument: null,
    load: statusPage,
    examples: ['torii status', 'torii status --watch', 'torii status --api 10.0.1.11:8470 --api 10.0.1.12:8470'],
  },
  {
    verb: 'vips',
    summary: 'VIPs, whether each is announced, and if not, why',
    argument: ['[name]', 'one VIP, or all of one address or tenant'],
    load: vipsPage,
    examples: ['torii vips', 'torii vips 203.0.113.10:80/tcp', 'torii vips acme --json'],
  },
  {
    verb: 'backends',
    summary: 'backends: state, health, share of new flows, and why one takes none',
    argument: ['[name]', 'one pool, or one backend as POOL/ADDRESS or ADDRESS'],
    load: backendsPage,
    examples: ['torii backends', 'torii backends acme-web'],
  },
  {
    verb: 'engine',
    summary: 'what carries packets, in which mode, and why in no better one: devices, queues, workers, rings',
    argument: ['[device]', 'one device'],
    load: enginePage,
    examples: ['torii engine', 'torii engine eth0 --watch'],
  },
  {
    verb: 'tenants',
    summary: 'tenants: plan, new flows admitted and limited',
    argument: ['[name]', 'one tenant'],
    load: tenantsPage,
    examples: ['torii tenants --watch 5'],
  },
  {
    verb: 'peers',
    summary: 'BGP peers: session state, prefixes announced, last error in words',
    argument: ['[address]', 'one peer'],
    load: peersPage,
    other: { option: 'messages', summary: 'the last messages with that peer, both ways, in words', load: peerMessagesPage },
    examples: ['torii peers', 'torii peers 10.0.1.1 --json', 'torii peers 10.0.1.1 --messages'],
  },
];

interface LookOptions {
  readonly json?: boolean;
  /** True without a number of seconds. */
  readonly watch?: true | string;
}

export function addLookVerbs(program: Command, io: Io): void {
  for (const { verb, summary, argument, load, other, examples } of verbs) {
    const command = program
      .command(verb)
      .summary(summary)
      .description(sentence(summary))
      .option('--json', 'the JSON of the API instead of a table; of several nodes an object, one key per --api')
      .option('--watch [seconds]', 'repeat until interrupted, every second unless said otherwise');
    if (argument !== null) command.argument(...argument);
    if (other !== undefined) command.option(`--${other.option}`, other.summary);
    withExample(command, examples);
    command.action(async (...args: readonly unknown[]) => {
      const name = argument === null ? null : ((args[0] as string | undefined) ?? null);
      const options = command.opts<LookOptions & Record<string, unknown>>();
      const page = other !== undefined && options[other.option] === true ? other.load : load;
      await look(openSession(command, io), page, name, options);
    });
  }
}

async function look(session: Session, load: LoadPage, name: string | null, options: LookOptions): Promise<void> {
  if (options.watch === undefined) return lookOnce(session, load, name, options);
  const everyMs = options.watch === true ? 1000 : Number(options.watch) * 1000;
  if (!(everyMs >= 100)) throw new ToriiError('usage', `--watch: expected seconds, at least 0.1, got ${String(options.watch)}`);
  const { io } = session;
  const stop = io.untilInterrupted();
  while (!stop.aborted) {
    if (io.isTerminal && options.json !== true) io.out('\u001b[H\u001b[2J');
    try {
      await lookOnce({ ...session, screen: screenOf(io) }, load, name, options);
    } catch (error) {
      // A daemon that restarts is what people watch for: keep watching.
      if (!(error instanceof ToriiError)) throw error;
      io.err(failureText(error));
    }
    await pause(everyMs, stop);
  }
}

async function lookOnce(
  { io, clients, screen }: Session,
  load: LoadPage,
  name: string | null,
  { json }: LookOptions,
): Promise<void> {
  const { given, failure } = await askAll(clients, (client) => load(client, name), io);
  if (json === true) io.out(`${jsonOf(given, clients.length)}\n`);
  else io.out(given.map(({ api, value }) => (clients.length === 1 ? '' : `== ${api}\n`) + value.text(screen)).join('\n'));
  for (const line of differences(given)) io.err(`torii: warning: nodes differ on ${line}\n`);
  if (failure !== null) throw failure;
}

function jsonOf(pages: readonly Answer<Page>[], asked: number): string {
  if (asked === 1) return pages[0]?.value.json ?? '';
  return `{${pages.map(({ api, value }) => `${JSON.stringify(api)}:${value.json}`).join(',')}}`;
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stop.addEventListener('abort', done);
  });
}
