// A router that misbehaves with what came after RFC 4271, or out of turn, over real sockets.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeMessage, type Message } from '../../../src/bgp/messages.ts';
import type { OpenMessage } from '../../../src/bgp/open.ts';
import type { PeerConfig } from '../../../src/model/peer.ts';
import { freePort } from '../../support/free-port.ts';
import { keepalive, routerOpen } from './support/fake-network.ts';
import type { RouterCall } from './support/hostile-router.ts';
import { hasty, LoopbackBed } from './support/loopback-bed.ts';
import { external, hex, messageOf, toHex, updateOf } from './support/wire.ts';

const marker = 'ff'.repeat(16);
const mandatory = '40010100 400206 0201 0000fde8 400304 0a420001';
const modern: OpenMessage = {
  ...routerOpen,
  capabilities: [...routerOpen.capabilities, { kind: 'extendedMessage' }, { kind: 'enhancedRouteRefresh' }],
};
// 1,400 routes of three bytes each: longer than 4096 bytes.
const longUpdate = updateOf({ attributes: mandatory, nlri: '10 cb00'.repeat(1400) });

// What ends a session that was sound so far.
const restart: Message = { kind: 'notification', code: 6, subcode: 4, data: new Uint8Array() };
const told = { direction: 'received', code: 6, subcode: 4 };

let bed: LoopbackBed;

beforeEach(async () => {
  bed = await LoopbackBed.start();
});

afterEach(() => bed.close());

const established = async (open = modern, peer: Partial<PeerConfig> = {}): Promise<RouterCall> => {
  bed.speak({ peers: [bed.peer(peer)] });
  const call = await bed.router.called();
  await call.establish(open);
  await bed.status(({ state }) => state === 'established');
  return call;
};

describe('a message out of turn is told of as such, whatever is in it', () => {
  const open = encodeMessage(routerOpen, external);
  const brokenOpen = messageOf(1, '03 fde8 0009 0a420001 ff');
  const brokenUpdate = messageOf(2, 'ffff 0000');

  it.each<[string, readonly Uint8Array[], string]>([
    ['a malformed UPDATE in OpenSent', [brokenUpdate], '5/1 02'],
    ['a malformed UPDATE in OpenConfirm', [open, brokenUpdate], '5/2 02'],
    ['a malformed OPEN in OpenConfirm', [open, brokenOpen], '5/2 01'],
    ['a malformed OPEN in Established', [open, encodeMessage(keepalive, external), brokenOpen], '5/3 01'],
    ['but not a header with a bad length', [open, hex(`${marker} 0016 02 000000`)], '1/2 0016'],
  ])('%s', async (_what, bytes, expected) => {
    bed.speak();
    const call = await bed.router.called();
    call.say(...bytes);
    expect(await call.verdict()).toBe(expected);
  });
});

describe('roles that do not fit', () => {
  it('end the try with 2/11', async () => {
    bed.speak({ peers: [bed.peer({ role: 'customer' })] });
    const call = await bed.router.called();
    call.say({ ...modern, capabilities: [...modern.capabilities, { kind: 'role', role: 3 }] });
    expect(await call.verdict()).toBe('2/11');
    const { lastError } = await bed.status((peer) => peer.lastError !== null);
    expect(lastError).toMatchObject({ direction: 'sent', code: 2, subcode: 11 });
  });
});

describe('extended messages', () => {
  it('are taken where both sides offered them', async () => {
    const call = await established();
    call.say(longUpdate, restart);
    const lost = await bed.status(({ state }) => state !== 'established');
    expect(lost).toMatchObject({ lastError: told, messages: { received: { update: 1, malformed: 0 } } });
  });

  it('are refused where the router did not', async () => {
    const call = await established(routerOpen);
    call.say(longUpdate);
    expect(await call.verdict()).toBe(`1/2 ${toHex(longUpdate.subarray(16, 18))}`);
  });

  it('are refused before both OPENs are known, and never for OPEN', async () => {
    bed.speak();
    const call = await bed.router.called();
    call.say(hex(`${marker} 1001 01`));
    expect(await call.verdict()).toBe('1/2 1001');
  });

  it('quote no more of an attribute than there is room for', async () => {
    const call = await established(routerOpen);
    call.say(updateOf({ attributes: `506303e8${'00'.repeat(1000)}` }));
    expect((await call.verdict()).length).toBe('3/2 '.length + 2 * 1004);
    const again = await bed.router.called();
    await again.establish(modern);
    await bed.status(({ state }) => state === 'established');
    again.say(updateOf({ attributes: `5063f000${'00'.repeat(0xf000)}` }));
    expect((await again.verdict()).length).toBe('3/2 '.length + 2 * (0xf000 + 4));
  });
});

describe('the marks of a refresh (RFC 7313)', () => {
  it('of a wrong length end the session with 7/1 and the whole message', async () => {
    const call = await established();
    const bad = messageOf(5, '0001 01 01 00');
    call.say(bad);
    expect(await call.verdict()).toBe(`7/1 ${toHex(bad)}`);
  });

  it('mean nothing special where they were not agreed on', async () => {
    const call = await established(routerOpen);
    call.say(messageOf(5, '0001 01 01 00'), restart);
    expect(await bed.status(({ state }) => state !== 'established')).toMatchObject({ lastError: told });
  });
});

describe('an UPDATE with an error and no route (RFC 7606 5.2)', () => {
  it('ends the session with what RFC 4271 has for that attribute', async () => {
    const call = await established();
    call.say(updateOf({ attributes: '40010109' }));
    expect(await call.verdict()).toBe('3/6 40010109');
  });
});

describe('a default route that the document asks for', () => {
  it('is shown, and gone when it counts as withdrawn', async () => {
    const call = await established(modern, { accept: 'default' });
    call.say(updateOf({ attributes: mandatory, nlri: '00' }));
    const shown = await bed.status(({ defaultRoutes = [] }) => defaultRoutes.length > 0);
    expect(shown.defaultRoutes).toMatchObject([{ prefix: '0.0.0.0/0', nextHop: '10.66.0.1', asPath: '65000' }]);
    call.say(updateOf({ attributes: mandatory.replace('40010100', '40010109'), nlri: '00' }));
    const gone = await bed.status(({ defaultRoutes }) => defaultRoutes?.length === 0);
    expect(gone).toMatchObject({ state: 'established', messages: { received: { update: 2, malformed: 1 } } });
  });
});

describe('a router that stops reading', () => {
  it('is reset once its host has acknowledged nothing for the send hold time', async () => {
    bed.speak({ peers: [bed.peer({ holdTimeSec: 0 })] }, { ...hasty, nowMs: () => 100 * hasty.nowMs() });
    const call = await bed.router.called();
    await call.establish({ ...modern, holdTimeSec: 0 });
    await bed.status(({ state }) => state === 'established');
    call.socket.pause();
    const lost = bed.status(({ lastError }) => lastError !== null);
    // More than both kernels buffer.
    for (let round = 0; bed.speaker.peers()[0]?.lastError === null; round++) {
      bed.speaker.set(
        Array.from({ length: 5000 }, (_, i) => ({ prefix: `198.18.${i >> 8}.${i & 255}/32`, policy: { med: round } })),
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await lost).lastError).toMatchObject({ direction: 'sent', code: 8, subcode: 0 });
  }, 30_000);
});

describe('over IPv6', () => {
  it('both sides call each other, and routes have the session’s address as next hop', async () => {
    await bed.close();
    bed = await LoopbackBed.start('::1');
    const port = await freePort();
    const speaker = bed.speak({ listen: { address: '::', port } });
    speaker.set([{ prefix: '2001:db8::10/128', policy: {} }]);
    const theirs = await bed.router.call(port, '::1');
    const ours = await bed.router.called();
    const open: OpenMessage = { ...routerOpen, capabilities: [{ kind: 'multiprotocol', afi: 2, safi: 1 }] };
    ours.say(open);
    await ours.nextOf('keepalive');
    theirs.say(open);
    expect(await theirs.verdict()).toBe('6/7');
    ours.say(keepalive);
    const { attributes } = await ours.nextOf('update');
    expect(attributes.reach).toEqual({ family: 'ipv6', nextHops: ['::1'], prefixes: ['2001:db8::10/128'] });
  });
});
