// A speaker with one peer over a network and a clock that tests move, and how to look at what the peer was told.

import { BgpSpeaker } from '../../../../src/bgp/speaker.ts';
import type { UpdateMessage } from '../../../../src/bgp/update.ts';
import type { Advertisement, SpeakerConfig } from '../../../../src/model/peer.ts';
import { peerConfig } from '../../../support/peer-config.ts';
import { FakeClock, type FakeConnection, FakeNetwork, keepalive, routerOpen } from './fake-network.ts';

export const peer = peerConfig('10.66.0.1');
export const config: SpeakerConfig = { localAs: 65010, routerId: '10.66.0.11', drainSec: 5, peers: [peer] };

export const host = (n: number, policy = {}): Advertisement => ({ prefix: `203.0.113.${n}/32`, policy });

export const setUp = (overrides: Partial<SpeakerConfig> = {}) => {
  const network = new FakeNetwork();
  const clock = new FakeClock();
  const logs: string[] = [];
  const speaker = new BgpSpeaker(
    { ...config, ...overrides },
    {
      onChange: () => undefined,
      onLog: ({ message }) => logs.push(message),
      transport: network,
      clock,
      hostname: 'lb1.example.net',
      addressesOf: (device) => (device === 'eth0' ? ['10.66.0.11', '2001:db8:1::11'] : []),
    },
  );
  const status = () => speaker.peers()[0];
  return { network, clock, speaker, logs, status };
};

export const establish = (connection: FakeConnection, open = routerOpen): FakeConnection => {
  connection.say(open, keepalive);
  return connection;
};

export const updates = (connection: FakeConnection): UpdateMessage[] =>
  connection.take().filter((message): message is UpdateMessage => message.kind === 'update');
export const announced = (messages: readonly UpdateMessage[]): string[] => messages.flatMap((message) => message.announced);
export const withdrawn = (messages: readonly UpdateMessage[]): string[] => messages.flatMap((message) => message.withdrawn);
export const isEndOfRib = ({ announced, withdrawn, attributes }: UpdateMessage): boolean =>
  announced.length + withdrawn.length + Object.keys(attributes).length === 0;
