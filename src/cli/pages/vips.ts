// `torii vips`: each VIP, whether it is announced, and if not, why.

import { ToriiError } from '../../errors.ts';
import type { VipView } from '../../model/views.ts';
import { bytes, type Column, number, table } from '../table.ts';
import type { LoadPage } from './page.ts';

const columns: readonly Column<VipView>[] = [
  { title: 'VIP', cell: ({ vip }) => vip },
  { title: 'TENANT', cell: ({ tenant }) => tenant },
  { title: 'POOL', cell: ({ pool, activePool }) => (pool === activePool ? pool : `${pool} -> ${activePool}`) },
  { title: 'STATE', cell: ({ state }) => ({ text: state, tone: state === 'announced' ? 'good' : 'bad' }) },
  {
    title: 'USABLE',
    align: 'right',
    cell: ({ usableBackends, backends }) => ({
      text: `${usableBackends}/${backends}`,
      tone: usableBackends === 0 ? 'bad' : usableBackends < backends ? 'warn' : 'plain',
    }),
  },
  { title: 'PACKETS', align: 'right', cell: ({ traffic }) => number(traffic.packets) },
  { title: 'IN', align: 'right', cell: ({ traffic }) => bytes(traffic.bytesIn) },
  { title: 'NEW FLOWS', align: 'right', cell: ({ traffic }) => number(traffic.newFlows) },
  { title: 'REASON', cell: (vip) => reasonOf(vip) },
];

/** Why it is withheld; for an announced one, what it drops. */
function reasonOf({ reason, drops }: VipView): string {
  const dropped = Object.entries(drops).map(([why, count]) => `${why} ${number(count)}`);
  return [reason, dropped.length === 0 ? null : `dropped: ${dropped.join(', ')}`].filter((each) => each !== null).join('; ');
}

export const vipsPage: LoadPage = async (client, name) => {
  const all = await client.read('vips');
  const shown = name === null ? all : all.filter(({ vip, tenant }) => vip === name || tenant === name);
  if (name !== null && shown.length === 0) throw new ToriiError('not_found', `no VIP and no tenant ${name}`);
  return {
    json: JSON.stringify(shown),
    text: (screen) => (shown.length === 0 ? 'no VIPs: the document names none\n' : table(columns, shown, screen)),
    comparable: new Map(
      shown.map(({ vip, tenant, activePool, state, reason }) => [
        vip,
        [tenant, activePool, state, reason ?? ''].join(' ').trim(),
      ]),
    ),
  };
};
