// `torii tenants`: each tenant's plan and how much of its demand was let in.

import { ToriiError } from '../../errors.ts';
import { nearText } from '../../model/near.ts';
import type { TenantView } from '../../model/views.ts';
import { type Column, number, table } from '../table.ts';
import type { LoadPage } from './page.ts';

const orUnlimited = (value: number | null): string => (value === null ? 'unlimited' : number(value));

const columns: readonly Column<TenantView>[] = [
  { title: 'TENANT', cell: ({ tenant }) => tenant },
  { title: 'PLAN', cell: ({ plan }) => plan ?? 'none' },
  { title: 'CPS', align: 'right', cell: ({ cps }) => orUnlimited(cps) },
  { title: 'BURST', align: 'right', cell: ({ burst }) => orUnlimited(burst) },
  { title: 'VIPS', align: 'right', cell: ({ vips }) => number(vips) },
  { title: 'ADMITTED', align: 'right', cell: ({ admitted }) => number(admitted) },
  { title: 'LIMITED', align: 'right', cell: ({ limited }) => ({ text: number(limited), tone: limited > 0 ? 'warn' : 'plain' }) },
  {
    title: 'REASON',
    cell: ({ limited, cps }) => (limited > 0 ? `new flows above ${orUnlimited(cps)} a second were dropped (cps_limited)` : ''),
  },
];

export const tenantsPage: LoadPage = async (client, name) => {
  const all = await client.read('tenants');
  const shown = name === null ? all : all.filter(({ tenant }) => tenant === name);
  if (name !== null && shown.length === 0) {
    const names = all.map(({ tenant }) => tenant);
    throw new ToriiError('not_found', `no tenant ${name}${nearText(name, names)}`);
  }
  return {
    json: JSON.stringify(shown),
    text: (screen) => (shown.length === 0 ? 'no tenants: the document names none\n' : table(columns, shown, screen)),
    comparable: new Map(shown.map(({ tenant, plan, cps, burst, vips }) => [tenant, JSON.stringify({ plan, cps, burst, vips })])),
  };
};
