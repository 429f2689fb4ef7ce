// `torii peers ADDRESS --messages`: the last BGP messages of one peer, both ways, oldest first.

import { ToriiError } from '../../errors.ts';
import { parseScopedAddress } from '../../model/address.ts';
import type { PeerMessage } from '../../model/peer.ts';
import { type Column, number, table } from '../table.ts';
import type { LoadPage } from './page.ts';

const columns: readonly Column<PeerMessage>[] = [
  { title: 'TIME', cell: ({ at }) => at },
  { title: 'WAY', cell: ({ direction }) => direction },
  { title: 'BYTES', align: 'right', cell: ({ bytes }) => number(bytes) },
  { title: 'MESSAGE', cell: ({ kind }) => ({ text: kind, tone: toneOf(kind) }) },
  { title: 'SAYS', cell: ({ text, hex }) => (hex === undefined ? text : `${text} (${hex})`) },
];

function toneOf(kind: PeerMessage['kind']): 'bad' | 'warn' | 'plain' {
  if (kind === 'malformed') return 'bad';
  return kind === 'notification' ? 'warn' : 'plain';
}

export const peerMessagesPage: LoadPage = async (client, name) => {
  if (name === null)
    throw new ToriiError('usage', '--messages: expected the address of one peer, like torii peers 10.0.1.1 --messages');
  const address = parseScopedAddress(name) ?? name;
  const messages = await client.json<readonly PeerMessage[]>(`/v1/peers/${encodeURIComponent(address)}/messages`);
  return {
    json: JSON.stringify(messages),
    text: (screen) => (messages.length === 0 ? `no messages with ${address} yet\n` : table(columns, messages, screen)),
    comparable: new Map(),
  };
};
