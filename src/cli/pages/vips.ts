// `torii vips`: each VIP, whether it is announced, how, and if not, why.

import type { ToriiError } from '../../errors.ts';
import { parseAddress } from '../../model/address.ts';
import { nearText } from '../../model/near.ts';
import type { VipView } from '../../model/views.ts';
import { canonicalVipName, parseVipName } from '../../model/vip.ts';
import { CliFailure } from '../failure.ts';
import { bytes, type Column, number, type Tone, table } from '../table.ts';
import type { LoadPage } from './page.ts';

const tones: Readonly<Record<VipView['state'], Tone>> = {
  announced: 'good',
  draining: 'warn',
  blackhole: 'warn',
  withheld: 'bad',
};

const columns: readonly Column<VipView>[] = [
  { title: 'VIP', cell: ({ vip }) => vip },
  { title: 'TENANT', cell: ({ tenant }) => tenant },
  {
    title: 'POOL',
    cell: ({ pool, activePool }) => (pool === null ? '(local)' : pool === activePool ? pool : `${pool} -> ${activePool}`),
  },
  { title: 'STATE', cell: ({ state }) => ({ text: state, tone: tones[state] }) },
  {
    title: 'USABLE',
    align: 'right',
    cell: ({ health, usableBackends, backends }) =>
      health === null
        ? {
            text: `${usableBackends}/${backends}`,
            tone: usableBackends === 0 ? 'bad' : usableBackends < backends ? 'warn' : 'plain',
          }
        : { text: health, tone: health === 'up' ? 'plain' : 'bad' },
  },
  { title: 'PACKETS', align: 'right', spareable: 1, cell: ({ traffic }) => number(traffic.packets) },
  { title: 'IN', align: 'right', spareable: 3, cell: ({ traffic }) => bytes(traffic.bytesIn) },
  { title: 'NEW FLOWS', align: 'right', spareable: 2, cell: ({ traffic }) => number(traffic.newFlows) },
  { title: 'REASON', cell: (vip) => reasonOf(vip) },
];

/** Why it is withheld, or as what it is announced; and what it drops. */
function reasonOf({ reason, drops }: VipView): string {
  const dropped = Object.entries(drops).map(([why, count]) => `${why} ${number(count)}`);
  return [reason, dropped.length === 0 ? null : `dropped: ${dropped.join(', ')}`].filter((each) => each !== null).join('; ');
}

/** By its name, by its address (all ports of it), or by its tenant. */
function chosenBy(name: string): (view: VipView) => boolean {
  const canonical = canonicalVipName(name) ?? name;
  const address = parseAddress(name);
  return ({ vip, tenant }) =>
    vip === canonical || tenant === name || (address !== undefined && parseVipName(vip)?.prefix.address === address);
}

function unknown(name: string, all: readonly VipView[]): ToriiError {
  const near = nearText(name, [...all.map(({ tenant }) => tenant), ...all.map(({ vip }) => vip)]);
  const next = 'torii vips lists all; one is written ADDRESS, ADDRESS:PORT/PROTOCOL as in 203.0.113.10:80/tcp, or as its tenant';
  return new CliFailure('not_found', `no VIP and no tenant ${name}${near}`, { next });
}

export const vipsPage: LoadPage = async (client, name) => {
  const all = await client.read('vips');
  const shown = name === null ? all : all.filter(chosenBy(name));
  if (name !== null && shown.length === 0) throw unknown(name, all);
  return {
    json: JSON.stringify(shown),
    text: (screen) => (shown.length === 0 ? 'no VIPs: the document names none\n' : table(columns, shown, screen)),
    comparable: new Map(
      shown.map(({ vip, tenant, activePool, state, reason }) => [
        vip,
        [tenant, activePool ?? '', state, reason ?? ''].join(' ').trim(),
      ]),
    ),
  };
};
