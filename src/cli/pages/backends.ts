// `torii backends`: each backend, what the operator wants, what health says, and why it takes no new flows.

import { ToriiError } from '../../errors.ts';
import { backendKey } from '../../model/backend.ts';
import { nearText } from '../../model/near.ts';
import type { BackendView } from '../../model/views.ts';
import { type Cell, type Column, number, table } from '../table.ts';
import type { LoadPage } from './page.ts';

const healthTone = { up: 'good', unknown: 'warn', down: 'bad' } as const;

function nextHopCell({ nextHop }: BackendView): Cell {
  return nextHop === null ? { text: 'unresolved', tone: 'bad' } : { text: `${nextHop.mac} ${nextHop.device}`, tone: 'plain' };
}

const columns: readonly Column<BackendView>[] = [
  { title: 'POOL', cell: ({ pool }) => pool },
  { title: 'BACKEND', cell: ({ address }) => address },
  { title: 'STATE', cell: ({ state }) => ({ text: state, tone: state === 'active' ? 'plain' : 'warn' }) },
  { title: 'HEALTH', cell: ({ health }) => ({ text: health, tone: healthTone[health] }) },
  {
    title: 'NEW FLOWS',
    cell: ({ takesNewFlows }) => (takesNewFlows ? { text: 'yes', tone: 'good' } : { text: 'no', tone: 'warn' }),
  },
  { title: 'WEIGHT', align: 'right', cell: ({ weight }) => number(weight) },
  { title: 'SHARE', align: 'right', cell: ({ share }) => `${(share * 100).toFixed(1)} %` },
  { title: 'PACKETS', align: 'right', spareable: 3, cell: ({ traffic }) => number(traffic.packets) },
  { title: 'FLOWS SEEN', align: 'right', spareable: 1, cell: ({ traffic }) => number(traffic.newFlows) },
  {
    title: 'ICMP ERRORS',
    align: 'right',
    spareable: 2,
    cell: ({ unreachable }) => ({ text: number(unreachable), tone: unreachable > 0 ? 'warn' : 'plain' }),
  },
  { title: 'NEXT HOP', spareable: 4, cell: nextHopCell },
  { title: 'REASON', cell: (backend) => backend.reason ?? strayWords(backend) ?? '' },
];

/** A host agent that is not there is seen by nothing else: checks ask the backend's own address, not through the outer header. */
export function strayWords({ unreachable }: BackendView): string | null {
  return unreachable === 0 ? null : `${number(unreachable)} ICMP errors came about its packets: does torii host run there?`;
}

export const backendsPage: LoadPage = async (client, name) => {
  const all = await client.read('backends');
  const matches = ({ pool, address }: BackendView): boolean => [pool, address, backendKey(pool, address)].includes(name ?? '');
  const shown = name === null ? all : all.filter(matches);
  if (name !== null && shown.length === 0) {
    const names = all.flatMap(({ pool, address }) => [pool, address, backendKey(pool, address)]);
    throw new ToriiError('not_found', `no pool and no backend ${name}${nearText(name, names)}`);
  }
  return {
    json: JSON.stringify(shown),
    text: (screen) => (shown.length === 0 ? 'no backends: the document names none\n' : table(columns, shown, screen)),
    comparable: new Map(
      shown.map(({ pool, address, weight, state, health }) => [backendKey(pool, address), `${state} ${health} weight ${weight}`]),
    ),
  };
};
