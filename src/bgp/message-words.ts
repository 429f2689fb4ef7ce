// Messages in words, for operators: what `torii peers ADDRESS --messages` shows of each. Pure.
//
// Short whatever a peer sends: of many routes the first few and how many more.

import type { PeerMessage } from '../model/peer.ts';
import { pathText } from './as-path.ts';
import { describeCapability } from './capability-words.ts';
import { familyByCode } from './families.ts';
import type { JournalEntry } from './journal.ts';
import type { Message, RouteRefreshMessage } from './messages.ts';
import { describeNotification } from './notification.ts';
import type { OpenMessage } from './open.ts';
import type { PathAttributes } from './path-attributes.ts';
import { endOfRibFamily, type UpdateMessage } from './update.ts';

const namedItems = 4;
const longestText = 600;
const longestHex = 512;

export function describeEntry({ at, direction, bytes, message, error, hex }: JournalEntry): PeerMessage {
  const shown = { at, direction, bytes };
  if (message !== undefined) return { ...shown, kind: message.kind, text: cut(describeMessage(message), longestText) };
  return { ...shown, kind: 'malformed', text: error ?? '', hex: cut(hex ?? '', longestHex) };
}

function describeMessage(message: Message): string {
  switch (message.kind) {
    case 'open':
      return openWords(message);
    case 'update':
      return updateWords(message);
    case 'notification':
      return `${message.code}/${message.subcode} ${describeNotification(message)}`;
    case 'keepalive':
      return '';
    case 'routeRefresh':
      return refreshWords(message);
  }
}

function openWords({ as, holdTimeSec, routerId, capabilities }: OpenMessage): string {
  const can = capabilities.length === 0 ? 'no capabilities' : capabilities.map(describeCapability).join(', ');
  return `AS ${as}, hold time ${holdTimeSec} s, router ${routerId}: ${can}`;
}

function refreshWords({ afi, safi, subtype }: RouteRefreshMessage): string {
  const family = familyByCode(afi, safi)?.name ?? `afi ${afi} safi ${safi}`;
  return `${family}: ${['request', 'begin', 'end'][subtype] ?? `subtype ${subtype}`}`;
}

function updateWords(update: UpdateMessage): string {
  const ended = endOfRibFamily(update);
  if (ended !== undefined) return `End-of-RIB ${ended}`;
  const { withdrawn, attributes, announced, faults, discarded } = update;
  const gone = [...withdrawn, ...(attributes.unreach?.prefixes ?? [])];
  const come = [...announced, ...(attributes.reach?.prefixes ?? [])];
  return [
    ...(gone.length === 0 ? [] : [`withdraws ${some(gone)}`]),
    ...(come.length === 0 ? [] : [`announces ${some(come)}`]),
    ...attributeWords(attributes),
    ...(faults.length === 0 ? [] : [`counts as withdrawn: ${some(faults)}`]),
    ...(discarded.length === 0 ? [] : [`left out: ${some(discarded)}`]),
  ].join('; ');
}

function attributeWords(attributes: PathAttributes): string[] {
  const { origin, asPath, nextHop, reach, med, localPref, communities, largeCommunities, onlyToCustomer, others } = attributes;
  const hops = reach?.nextHops ?? (nextHop === undefined ? [] : [nextHop]);
  const words: readonly (readonly [string, string | number | undefined])[] = [
    ['next hop', hops.length === 0 ? undefined : hops.join(' ')],
    ['path', asPath === undefined ? undefined : pathText(asPath) || 'empty'],
    ['origin', origin],
    ['MED', med],
    ['local preference', localPref],
    ['communities', communities === undefined ? undefined : some(communities)],
    ['large communities', largeCommunities === undefined ? undefined : some(largeCommunities)],
    ['only to customer', onlyToCustomer],
    ['attributes', others === undefined ? undefined : some(others.map(({ type }) => `${type}`))],
  ];
  return words.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
}

function some(items: readonly string[]): string {
  const more = items.length - namedItems;
  return items.slice(0, namedItems).join(' ') + (more > 0 ? ` and ${more} more` : '');
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}
