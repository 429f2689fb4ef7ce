// A page: what one look verb shows of one node, for programs (json), for people (text) and for comparing nodes.

import type { Client } from '../client.ts';
import type { Screen } from '../table.ts';

export interface Page {
  readonly json: string;
  text(screen: Screen): string;
  /** What should be equal on every node: subject → its words. Counters are left out. */
  readonly comparable: ReadonlyMap<string, string>;
}

/** Loads a page; `name` narrows it to one VIP, pool, tenant or peer. */
export type LoadPage = (client: Client, name: string | null) => Promise<Page>;
