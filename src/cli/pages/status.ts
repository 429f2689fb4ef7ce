// `torii status`: the node on one screen. What is wrong comes first, each with its reason.

import type { PeerStatus } from '../../model/peer.ts';
import type { BackendView, OverrideView, StatusView, VipView, WorkerView } from '../../model/views.ts';
import { durationText } from '../duration.ts';
import { clean, number, paint, type Screen, type Tone } from '../table.ts';
import { strayWords } from './backends.ts';
import type { LoadPage } from './page.ts';
import { reasonOf } from './peers.ts';

const shownOfEachKind = 10;

interface Parts {
  readonly status: StatusView;
  readonly vips: readonly VipView[];
  readonly backends: readonly BackendView[];
  readonly peers: readonly PeerStatus[];
}

export const statusPage: LoadPage = async (client) => {
  const [bytes, vips, backends, peers] = await Promise.all([
    client.bytes('/v1/status'),
    client.read('vips'),
    client.read('backends'),
    client.read('peers'),
  ]);
  const json = bytes.toString();
  const status = JSON.parse(json) as StatusView;
  return {
    json,
    text: (screen) => statusText({ status, vips, backends, peers }, screen),
    comparable: new Map([
      ['version', status.version],
      ['ready', String(status.ready)],
      ['VIPs', `${status.vips.announced} of ${status.vips.total} announced`],
      ['backends', `${status.backends.usable} of ${status.backends.total} usable`],
    ]),
  };
};

function statusText(parts: Parts, screen: Screen): string {
  const { status } = parts;
  const problems = problemsOf(parts, screen.nowMs);
  const spared = sparedOf(parts);
  const sinceStart = sinceStartOf(parts);
  return [
    ...heading(status, screen),
    ...summary(status, screen),
    ...(problems.length === 0
      ? []
      : ['', paint({ text: 'Wrong now:', tone: 'bad' }, screen), ...problems.map((each) => `  ${clean(each)}`)]),
    ...(sinceStart.length === 0 ? [] : ['', 'Since it started:', ...sinceStart.map((each) => `  ${clean(each)}`)]),
    ...(spared.length === 0 ? [] : ['', 'Out of use on purpose:', ...spared.map((each) => `  ${clean(each)}`)]),
    ...(status.warnings.length === 0 ? [] : ['', 'Warnings:', ...status.warnings.map((each) => `  ${clean(each)}`)]),
    ...(status.overrides.length === 0
      ? []
      : [
          '',
          'Said at run time (wins over the document):',
          ...status.overrides.map((each) => `  ${clean(overrideText(each, screen))}`),
        ]),
    '',
  ].join('\n');
}

function heading(status: StatusView, screen: Screen): readonly string[] {
  const { node, version, engine, startedAt, ready, revision, generation, source, appliedAt, applyMs } = status;
  const isMaintained = status.overrides.some(({ kind }) => kind === 'maintenance');
  const word: readonly [string, Tone] = isMaintained ? ['MAINTENANCE', 'warn'] : ready ? ['READY', 'good'] : ['NOT READY', 'bad'];
  const applied =
    appliedAt === null ? 'not applied' : `applied ${ago(appliedAt, screen)}${applyMs === null ? '' : ` in ${applyMs} ms`}`;
  return [
    `${paint({ text: word[0], tone: word[1] }, screen)}  ${node ?? 'no node address'}, torii ${version}, engine ${engine}, started ${ago(startedAt, screen)}`,
    `revision ${revision} of ${source}, ${applied}, generation ${generation}`,
  ];
}

function summary(status: StatusView, screen: Screen): readonly string[] {
  const { vips, backends, peers } = status;
  const line = (name: string, good: number, total: number, words: string): string =>
    `${name.padEnd(9)} ${paint({ text: `${number(good)} of ${number(total)}`, tone: good < total ? 'bad' : 'good' }, screen)} ${words}`;
  return [
    line('vips', vips.announced, vips.total, 'announced'),
    line('backends', backends.usable, backends.total, 'usable'),
    line('peers', peers.established, peers.total, 'established'),
    ...(status.engine === 'none' ? ['packets   no device: this node forwards nothing'] : pathSummary(status)),
  ];
}

function pathSummary({ flowTable, workers }: StatusView): readonly string[] {
  const { entries, capacity, untracked, evicted } = flowTable;
  const drops = new Map<string, number>();
  for (const { verdicts } of workers)
    for (const [verdict, count] of Object.entries(verdicts)) drops.set(verdict, (drops.get(verdict) ?? 0) + count);
  const verdicts = [...drops].filter(([, count]) => count > 0).map(([verdict, count]) => `${verdict} ${number(count)}`);
  return [
    `flows     ${number(entries)} of ${number(capacity)}, untracked ${number(untracked)}, evicted ${number(evicted)}`,
    `packets   ${verdicts.length === 0 ? 'none yet' : verdicts.join(', ')}`,
    ...some(workers.map(workerText), 'torii status --json'),
  ];
}

function workerText({ worker, core, busyRatio, burstSize, rxLost }: WorkerView): string {
  return [
    `worker ${worker}`.padEnd(9),
    `busy ${(busyRatio * 100).toFixed(1)} %`,
    ...(burstSize === null ? [] : [`in bursts of ${burstSize.toFixed(1)}`]),
    ...(core === null ? [] : [`on core ${core}`]),
    ...(rxLost === 0 ? [] : [`and lost ${number(rxLost)} for want of room in the receive ring`]),
  ].join(' ');
}

function problemsOf({ status, vips, backends, peers }: Parts, nowMs: number): readonly string[] {
  const { lastError } = status;
  return [
    ...(lastError === null
      ? []
      : [`last reload failed ${durationText((nowMs - Date.parse(lastError.at)) / 1000)} ago: ${lastError.message}`]),
    ...some(
      peers
        .filter(({ state }) => state !== 'established')
        .map((peer) => `peer ${peer.address} has no session (${peer.state}): ${reasonOf(peer, nowMs) || 'no answer yet'}`),
      'torii peers',
    ),
    ...some(
      vips
        .filter((vip) => vip.state === 'withheld' && !isTakenBack(vip))
        .map(({ vip, reason }) => `vip ${vip} withheld: ${reason ?? 'no reason given'}`),
      'torii vips',
    ),
    ...some(
      backends
        .filter((backend) => !backend.takesNewFlows && !isSpared(backend))
        .map(({ pool, address, reason }) => `backend ${pool}/${address}: ${reason ?? 'takes no new flows'}`),
      'torii backends',
    ),
  ];
}

/** Somebody said so: held, or the node in maintenance. */
function isTakenBack({ reason }: VipView): boolean {
  return /^(held|maintenance) by /.test(reason ?? '');
}

/** Somebody said so: draining, disabled, or of no weight. */
function isSpared({ state, weight }: BackendView): boolean {
  return state !== 'active' || weight === 0;
}

function sparedOf({ vips, backends }: Parts): readonly string[] {
  return [
    ...some(
      vips
        .filter((vip) => vip.state === 'draining' || vip.state === 'blackhole' || (vip.state === 'withheld' && isTakenBack(vip)))
        .map(({ vip, state, reason }) => `vip ${vip} ${state}: ${reason ?? 'no reason given'}`),
      'torii vips',
    ),
    ...some(
      backends
        .filter((backend) => !backend.takesNewFlows && isSpared(backend))
        .map(({ pool, address, reason }) => `backend ${pool}/${address}: ${reason ?? 'takes no new flows'}`),
      'torii backends',
    ),
  ];
}

/** What counters tell that nothing else sees; they say that it was, not that it still is. */
function sinceStartOf({ vips, backends }: Parts): readonly string[] {
  const limited = new Map<string, number>();
  for (const { tenant, drops } of vips) limited.set(tenant, (limited.get(tenant) ?? 0) + (drops['cps_limited'] ?? 0));
  return [
    ...some(
      backends.flatMap((backend) => {
        const words = backend.takesNewFlows ? strayWords(backend) : null;
        return words === null ? [] : [`backend ${backend.pool}/${backend.address}: ${words}`];
      }),
      'torii backends',
    ),
    ...some(
      [...limited]
        .filter(([, count]) => count > 0)
        .map(([tenant, count]) => `tenant ${tenant}: ${number(count)} new flows above its plan were dropped (cps_limited)`),
      'torii tenants',
    ),
  ];
}

function some(lines: readonly string[], verb: string): readonly string[] {
  const rest = lines.length - shownOfEachKind;
  return rest <= 0 ? lines : [...lines.slice(0, shownOfEachKind), `… and ${rest} more: ${verb}`];
}

function overrideText({ kind, target, value, by, at, until, why }: OverrideView, screen: Screen): string {
  const end = until === null ? '' : `, ends in ${durationText((Date.parse(until) - screen.nowMs) / 1000)}`;
  return `${kind} ${target} = ${value}, by ${by} ${ago(at, screen)}${end}${why === null ? '' : `: ${why}`}`;
}

function ago(at: string, { nowMs }: Screen): string {
  return `${durationText((nowMs - Date.parse(at)) / 1000)} ago`;
}
