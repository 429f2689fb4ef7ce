// What is written for ExaBGP and read of it. The lines it says were recorded from ExaBGP 4.2.21.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { announceOrder, ceaseOrder, endOfRibOrder, withdrawOrder } from '../../../src/bgp/exabgp-commands.ts';
import { exabgpConfig, exabgpEnvironment } from '../../../src/bgp/exabgp-config.ts';
import { parseExabgpLine } from '../../../src/bgp/exabgp-events.ts';
import { pathAttributes } from '../../../src/bgp/policy.ts';
import { config, peer } from './support/session-bed.ts';
import { messageOf } from './support/wire.ts';

const bridge = ['/usr/bin/node', '/opt/my torii/bridge.js', '/run/torii/api.sock', '9'];
const textOf = (settings: Partial<typeof peer> = {}) =>
  exabgpConfig({ config, peer: { ...peer, ...settings }, localAddress: '10.66.0.11', bridge });

describe('the configuration', () => {
  it('has one neighbour, as the document has it, and the bridge', () => {
    expect(
      textOf({ port: 1179, holdTimeSec: 9 }),
    ).toBe(`process torii { run "/usr/bin/node" "/opt/my torii/bridge.js" "/run/torii/api.sock" "9"; encoder json; respawn false; }
neighbor 10.66.0.1 {
  router-id 10.66.0.11;
  local-address 10.66.0.11;
  local-as 65010;
  peer-as 65000;
  connect 1179;
  hold-time 9;
  outgoing-ttl 1;
  manual-eor true;
  family { ipv4 unicast; }
  capability { asn4 enable; route-refresh disable; }
  api { processes [ torii ]; neighbor-changes; negotiated; fsm;
    receive { packets; open; update; notification; keepalive; refresh; } send { packets; open; update; notification; keepalive; refresh; } }
}
`);
  });

  it('has TTL 1 to eBGP peers alone, unless they are further away', () => {
    expect(textOf({ multihop: 3 })).toContain('outgoing-ttl 3;');
    expect(textOf({ as: config.localAs })).not.toContain('ttl');
  });

  it('has both families where the document says so', () => {
    expect(textOf({ families: ['ipv6', 'ipv4'] })).toContain('family { ipv6 unicast; ipv4 unicast; }');
    expect(textOf({ address: '2001:db8::1' })).toContain('family { ipv6 unicast; }');
  });

  it('carries any password in characters that mean nothing', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 80, unit: 'binary' }), (password) => {
        const [, coded = ''] = /md5-password "([A-Za-z0-9+/=]+)";\n {2}md5-base64 true;/.exec(textOf({ password })) ?? [];
        expect(Buffer.from(coded, 'base64')).toEqual(Buffer.from(password));
      }),
    );
    expect(textOf()).not.toContain('md5');
  });

  it('keeps ExaBGP in the foreground, with one way to talk to it and no port', () => {
    expect(exabgpEnvironment('torii')).toMatchObject({
      'exabgp.daemon.daemonize': 'false',
      'exabgp.daemon.user': 'torii',
      'exabgp.tcp.bind': '',
      'exabgp.api.ack': 'true',
      'exabgp.api.cli': 'false',
    });
  });
});

describe('an order', () => {
  const setting = {
    localAs: 65010,
    internal: false,
    fourOctetAs: true,
    peerPolicy: {},
    draining: false,
    onlyToCustomer: undefined,
  };
  const nextHop = { kind: 'attribute', address: '10.66.0.11' } as const;
  const about = { peer: '10.66.0.1', nextHop, prefixes: ['203.0.113.1/32', '203.0.113.2/32'] };

  it('announces with everything that the policy says', () => {
    const policy = { communities: ['65000:2', '65000:1'], largeCommunities: ['65000:1:2'], med: 7, prepend: 1, localPref: 50 };
    expect(announceOrder({ ...about, attributes: pathAttributes(policy, setting) })).toBe(
      'neighbor 10.66.0.1 announce attributes next-hop 10.66.0.11 origin igp as-path [ 65010 65010 ] med 7 ' +
        'community [ 65000:1 65000:2 ] large-community [ 65000:1:2 ] nlri 203.0.113.1/32 203.0.113.2/32',
    );
    const internal = pathAttributes(policy, { ...setting, internal: true });
    expect(announceOrder({ ...about, attributes: internal })).toContain('as-path [  ] med 7 local-preference 50 ');
  });

  it('withdraws, ends the first set, and ends the session', () => {
    expect(withdrawOrder(about)).toBe(
      'neighbor 10.66.0.1 withdraw attributes next-hop 10.66.0.11 nlri 203.0.113.1/32 203.0.113.2/32',
    );
    expect(endOfRibOrder('10.66.0.1', 'ipv6')).toBe('neighbor 10.66.0.1 announce eor ipv6 unicast');
    expect(ceaseOrder('10.66.0.1', 2)).toBe('neighbor 10.66.0.1 teardown 2');
  });
});

const said = (type: string, rest: string) =>
  `{ "exabgp": "4.0.1", "time": 1795314122.6893227, "host" : "vm", "pid" : 19655, "ppid" : 1, "counter": 5, "type": "${type}", ` +
  `"neighbor": { "address": { "local": "10.66.0.11", "peer": "10.66.0.1" }, "asn": { "local": 65010, "peer": 65000 } , ${rest} } }`;

describe('what ExaBGP says', () => {
  it.each([
    ['done', { kind: 'answer', answer: 'done' }],
    ['error', { kind: 'answer', answer: 'error' }],
    ['exabgp 4.2.21', { kind: 'answer', answer: 'version' }],
    [said('fsm', '"state": "OPENSENT"'), { kind: 'state', state: 'openSent' }],
    [said('state', '"state": "connected"'), undefined],
    [said('state', '"state": "up"'), { kind: 'up', localAddress: '10.66.0.11' }],
    [
      said(
        'negotiated',
        '"negotiated": { "message_size": 4096, "hold_time": 9, "asn4": true, "multisession": false, "operational": false, "refresh": "enhanced", "families": [ "ipv4 unicast" ,"ipv6 unicast" ], "nexthop": [  ], "add_path": { "send": [  ], "receive": [  ] } }',
      ),
      { kind: 'negotiated', holdTimeSec: 9, families: ['ipv4', 'ipv6'] },
    ],
    [
      said(
        'notification',
        '"direction": "send", "message": { "category": 3, "header": "0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF001503", "body": "0x0602" }',
      ),
      {
        kind: 'packet',
        packet: { direction: 'sent', wire: messageOf(3, '0602'), at: '2026-11-22T02:22:02.689Z' },
      },
    ],
    [
      said(
        'state',
        '"state": "down", "reason": "peer reset, message (notification sent (6,2)) error(Cease / Administrative Shutdown)"',
      ),
      { kind: 'down', reason: 'Cease / Administrative Shutdown' },
    ],
    [
      said('state', '"state": "down", "reason": "a \\x01 that is no JSON"'),
      { kind: 'down', reason: 'for a reason that ExaBGP garbled' },
    ],
    [said('signal', '"code": "15", "name": "SIGTERM"'), undefined],
    ['{ "exabgp": "4.0.1", "type": "notification", "notification": "shutdown" }', undefined],
    ['', undefined],
  ])('%s is understood', (line, event) => {
    expect(parseExabgpLine(line)).toEqual(event);
  });

  it('never throws', () => {
    const up = said('state', '"state": "up"');
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => void parseExabgpLine(line)));
    fc.assert(fc.property(fc.nat({ max: up.length }), (length) => void parseExabgpLine(up.slice(0, length))));
  });
});
