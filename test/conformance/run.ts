// `npm run conformance`: every promise of the speaker against FRR, BIRD and GoBGP, over IPv4 and IPv6.
//
// Prints one line per case: ok, FAIL or SKIP, router, family and what held or did not. Exit status 1 on any FAIL. An
// interrupt takes the bed down and ends with the shell's status for it.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { parseArgs } from 'node:util';
import { failWith, routerKind } from '../../deploy/lab/arguments.ts';
import { tearDownOnInterrupt } from '../../deploy/lab/interrupt.ts';
import { preflight } from '../../deploy/lab/preflight.ts';
import type { Family } from '../../deploy/lab/routers/router.ts';
import { routerKinds } from '../../deploy/lab/topology.ts';
import { ToriiError } from '../../src/errors.ts';
import { cases, type Selection, trialsOf } from './all-cases.ts';
import { attempt } from './attempt.ts';
import { trialName } from './case.ts';

const bedName = 'torii-conformance';

const usage = `usage: npm run conformance -- [options]

  --router KIND     bird, frr or gobgp; repeatable   [all]
  --family 4|6      of sessions and VIPs             [both]
  --case ID         one case; repeatable             [all]
  --quick           only what npm test runs
  --list            show the cases, run none

example: npm run conformance -- --router frr --case md5 --case bfd`;

const options = {
  router: { type: 'string', multiple: true },
  family: { type: 'string', multiple: true },
  case: { type: 'string', multiple: true },
  quick: { type: 'boolean' },
  list: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

function family(text: string): Family {
  if (text === '4') return 4;
  if (text === '6') return 6;
  throw new ToriiError('usage', `--family: expected 4 or 6, got ${text}`);
}

function caseId(text: string): string {
  if (cases.some(({ id }) => id === text)) return text;
  throw new ToriiError('usage', `--case: expected one of ${cases.map(({ id }) => id).join(', ')}, got ${text}`);
}

/** A second run would take the first one's beds away. The kernel gives the name up with the process. */
async function claimBeds(): Promise<void> {
  const server = createServer().unref();
  server.listen(`\0${bedName}`);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new ToriiError('address_in_use', 'another run of the conformance suite is under way: wait for it', { cause });
  }
}

async function runAll(selection: Selection): Promise<void> {
  tearDownOnInterrupt(bedName);
  const counts = { ok: 0, FAIL: 0, SKIP: 0 };
  for (const trial of trialsOf(selection)) {
    const result = await attempt(bedName, trial);
    counts[result.kind] += 1;
    const rest = result.kind === 'ok' ? ` (${result.seconds.toFixed(1)} s)` : `: ${result.why}`;
    console.log(`${result.kind.padEnd(4)} ${trialName(trial)}${rest}`);
  }
  console.log(`${counts.ok} ok, ${counts.FAIL} failed, ${counts.SKIP} skipped`);
  // A case that was given up may still be waiting for something.
  process.exit(counts.FAIL === 0 ? 0 : 1);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options });
  if (values.help === true) return console.log(usage);
  if (values.list === true) return console.log(cases.map(({ id, sentence }) => `${id.padEnd(18)} ${sentence}`).join('\n'));
  const selection: Selection = {
    routers: values.router?.map(routerKind) ?? routerKinds,
    families: values.family?.map(family) ?? [4, 6],
    ...(values.case === undefined ? {} : { only: values.case.map(caseId) }),
    isQuick: values.quick === true,
  };
  preflight(null, 'npm run conformance');
  await claimBeds();
  await runAll(selection);
}

await main().catch((error: unknown) => failWith('conformance', error));
