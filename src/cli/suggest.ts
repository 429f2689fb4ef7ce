// What a name that a node does not know may have been meant to be, from the names that it has.

import { ToriiError } from '../errors.ts';
import { backendKey } from '../model/backend.ts';
import { nearText } from '../model/near.ts';
import type { Client } from './client.ts';

/** By kind of name: what was asked for. */
export interface Wanted {
  readonly vip?: string | undefined;
  /** POOL/ADDRESS or ADDRESS. */
  readonly backend?: string | undefined;
}

/** Throws the error again; one about such a name with the names that are near. */
export async function suggest(client: Client, { vip, backend }: Wanted, error: unknown): Promise<never> {
  if (!(error instanceof ToriiError) || error.code !== 'not_found') throw error;
  if (vip !== undefined && error.message.includes(`no VIP ${vip}`)) {
    const names = (await client.read('vips')).map((view) => view.vip);
    throw new ToriiError('not_found', `${error.message}${nearText(vip, names)}`);
  }
  if (backend !== undefined && error.message.includes(`no backend ${backend}`)) {
    const names = (await client.read('backends')).flatMap(({ pool, address }) =>
      backend.includes('/') ? [backendKey(pool, address)] : [backendKey(pool, address), address],
    );
    throw new ToriiError('not_found', `${error.message}${nearText(backend, names)}`);
  }
  throw error;
}
