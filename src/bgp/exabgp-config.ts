// What ExaBGP is told once, when it starts: its configuration and its environment (ExaBGP 4.2).
//
// One process has one neighbour and, to keep it company, one process of its own: the bridge, through which Torii gives
// orders and hears what comes of them. Nothing is read of what the machine has in /etc/exabgp. Pure.

import { withoutZone } from '../model/address.ts';
import type { PeerConfig, SpeakerConfig } from '../model/peer.ts';
import { type FamilyName, familyOfAddress } from './families.ts';

const everyMessage = 'open; update; notification; keepalive; refresh;';

export interface ExabgpSetting {
  readonly config: Pick<SpeakerConfig, 'localAs' | 'routerId'>;
  readonly peer: PeerConfig;
  readonly localAddress: string;
  /** Program and arguments, the program with its whole path. */
  readonly bridge: readonly string[];
}

/** Families of the peer's routes: its own unless the document names them. */
export function familiesOf({ address, families }: PeerConfig): readonly FamilyName[] {
  return families ?? [familyOfAddress(address).name];
}

/** Holds the password of the peer. */
export function exabgpConfig({ config, peer, localAddress, bridge }: ExabgpSetting): string {
  const address = withoutZone(peer.address);
  const isInternal = peer.as === config.localAs;
  // As routers and the built-in speaker do: an eBGP peer is on the own link unless the document says otherwise.
  const ttl = peer.multihop ?? (isInternal ? undefined : 1);
  const lines = [
    `router-id ${config.routerId};`,
    `local-address ${localAddress};`,
    `local-as ${config.localAs};`,
    `peer-as ${peer.as};`,
    `connect ${peer.port};`,
    `hold-time ${peer.holdTimeSec};`,
    ...(ttl === undefined ? [] : [`outgoing-ttl ${ttl};`]),
    // In base64 no character of it can mean anything to the parser.
    ...(peer.password === undefined ? [] : [`md5-password "${base64(peer.password)}";`, 'md5-base64 true;']),
    // The end is told after the first full set, which only Torii knows.
    'manual-eor true;',
    `family { ${familiesOf(peer)
      .map((family) => `${family} unicast;`)
      .join(' ')} }`,
    // With route refresh it offers the enhanced one (RFC 7313), too, and a router that uses it ends the session: ExaBGP cannot
    // send the marks. One that asks before there are routes is never told any.
    'capability { asn4 enable; route-refresh disable; }',
    'api { processes [ torii ]; neighbor-changes; negotiated; fsm;',
    `  receive { packets; ${everyMessage} } send { packets; ${everyMessage} } }`,
  ];
  return [
    `process torii { run ${bridge.map(quoted).join(' ')}; encoder json; respawn false; }`,
    `neighbor ${address} {`,
    ...lines.map((line) => `  ${line}`),
    '}',
    '',
  ].join('\n');
}

/** What ExaBGP reads of its environment; `user` is who runs it. */
export function exabgpEnvironment(user: string): Readonly<Record<string, string>> {
  return {
    'exabgp.daemon.daemonize': 'false',
    // As root it would become this user after its start; with any other it stays what it is.
    'exabgp.daemon.user': user,
    'exabgp.daemon.drop': 'false',
    'exabgp.tcp.bind': '',
    'exabgp.api.ack': 'true',
    'exabgp.api.cli': 'false',
    // Without its bridge it would go on alone.
    'exabgp.api.respawn': 'false',
    'exabgp.api.terminate': 'true',
    'exabgp.log.destination': 'stderr',
    'exabgp.log.level': 'ERR',
    PYTHONDONTWRITEBYTECODE: '1',
  };
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

// Its parser takes backslashes first and quotes then, so a quote of the same kind cannot stand inside.
function quoted(word: string): string {
  const quote = word.includes('"') ? "'" : '"';
  return `${quote}${word.replaceAll('\\', '\\\\')}${quote}`;
}
