// `torii peers`: each BGP session and its last error in words. `--json` is the list of docs/bgp.md, no key more.

import { ToriiError } from '../../errors.ts';
import { parseScopedAddress } from '../../model/address.ts';
import { nearText } from '../../model/near.ts';
import type { DefaultRoute, PeerStatus } from '../../model/peer.ts';
import { durationText } from '../duration.ts';
import { type Column, number, type Screen, table } from '../table.ts';
import type { LoadPage } from './page.ts';

function columns(peers: readonly PeerStatus[], { nowMs }: Screen): readonly Column<PeerStatus>[] {
  const defaults = defaultColumn(peers);
  return [
    { title: 'PEER', cell: ({ address }) => address },
    { title: 'AS', align: 'right', cell: (peer) => `${peer.as}` },
    { title: 'STATE', cell: ({ state }) => ({ text: state, tone: state === 'established' ? 'good' : 'bad' }) },
    { title: 'UP', align: 'right', cell: ({ state, uptimeSec }) => (state === 'established' ? durationText(uptimeSec) : '-') },
    { title: 'HOLD', align: 'right', spareable: 1, cell: ({ holdTimeSec }) => `${holdTimeSec} s` },
    { title: 'ANNOUNCED', align: 'right', cell: ({ announced }) => number(announced) },
    { title: 'FLAPS', align: 'right', cell: ({ flaps }) => ({ text: number(flaps), tone: flaps > 0 ? 'warn' : 'plain' }) },
    { title: 'BFD', cell: ({ bfd }) => (bfd === null ? '-' : { text: bfd.state, tone: bfd.state === 'up' ? 'good' : 'warn' }) },
    { title: 'FAMILIES', spareable: 2, cell: ({ families }) => families.join(', ') },
    ...(defaults === undefined ? [] : [defaults]),
    { title: 'REASON', cell: (peer) => reasonOf(peer, nowMs) },
  ];
}

/** The last error in words, with its age: an old one on an established session is history, not a fault. */
export function reasonOf({ lastError }: PeerStatus, nowMs: number): string {
  if (lastError === null) return '';
  const { direction, code, subcode, text, at } = lastError;
  const where = direction === 'local' ? text : `${direction} ${code}/${subcode} ${text}`;
  return `${where} (${durationText((nowMs - Date.parse(at)) / 1000)} ago)`;
}

// The default routes only where the document asks for them.
function settledRow(peer: PeerStatus): Omit<PeerStatus, 'messages' | 'capabilities'> {
  const { address, as, state, uptimeSec, holdTimeSec, families, announced, flaps, lastError, bfd, defaultRoutes } = peer;
  const row = { address, as, state, uptimeSec, holdTimeSec, families, announced, flaps, lastError, bfd };
  return defaultRoutes === undefined ? row : { ...row, defaultRoutes };
}

/** Undefined where no peer's document asks for its default route. */
function defaultColumn(peers: readonly PeerStatus[]): Column<PeerStatus> | undefined {
  if (peers.every(({ defaultRoutes }) => defaultRoutes === undefined)) return undefined;
  const viaText = ({ prefix, nextHop }: DefaultRoute) => `${prefix} via ${nextHop}`;
  return { title: 'DEFAULT', cell: ({ defaultRoutes = [] }) => defaultRoutes.map(viaText).join(', ') || '-' };
}

export const peersPage: LoadPage = async (client, name) => {
  const all = await client.read('peers');
  const wanted = name === null ? null : (parseScopedAddress(name) ?? name);
  const shown = wanted === null ? all : all.filter(({ address }) => address === wanted);
  if (wanted !== null && shown.length === 0) {
    const names = all.map(({ address }) => address);
    throw new ToriiError('not_found', `no peer ${wanted}${nearText(wanted, names)}`);
  }
  return {
    json: JSON.stringify(shown.map(settledRow)),
    text: (screen) =>
      shown.length === 0 ? 'no peers: node.bgp.peers of the document is empty\n' : table(columns(shown, screen), shown, screen),
    // Every node has its own router; their sessions need not agree.
    comparable: new Map(),
  };
};
