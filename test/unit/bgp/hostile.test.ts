import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { encodeMessage } from '../../../src/bgp/messages.ts';
import { freePort } from '../../support/free-port.ts';
import { keepalive, routerOpen } from './support/fake-network.ts';
import type { HostileRouter, RouterCall } from './support/hostile-router.ts';
import { hasty, LoopbackBed } from './support/loopback-bed.ts';
import { external, hex, messageOf, toHex, updateOf } from './support/wire.ts';

const marker = 'ff'.repeat(16);
const mandatory = '40010100 400206 0201 0000fde8 400304 0a420001';

let bed: LoopbackBed;
let router: HostileRouter;

beforeEach(async () => {
  bed = await LoopbackBed.start();
  router = bed.router;
});

afterEach(() => bed.close());

const speak: LoopbackBed['speak'] = (...args) => bed.speak(...args);
const status: LoopbackBed['status'] = (fits) => bed.status(fits);

describe('a router that misbehaves before the session is up', () => {
  it.each<[string, readonly Uint8Array[], string]>([
    ['is of another AS', [encodeMessage({ ...routerOpen, as: 65001, capabilities: [] }, external)], '2/2'],
    ['speaks another version', [messageOf(1, '03 fde8 0009 0a420001 00')], '2/1 0004'],
    ['wants a hold time of one second', [encodeMessage({ ...routerOpen, holdTimeSec: 1 }, external)], '2/6'],
    ['has no identifier', [encodeMessage({ ...routerOpen, routerId: '0.0.0.0' }, external)], '2/3'],
    ['wants authentication as an optional parameter', [messageOf(1, '04 fde8 0009 0a420001 03 01 01 00')], '2/4'],
    ['sends optional parameters that do not add up', [messageOf(1, '04 fde8 0009 0a420001 09 02 01 00')], '2/0'],
    ['sends a bad marker', [hex(`${'00'.repeat(16)} 0013 04`)], '1/1'],
    ['speaks HTTP', [new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n\r\n')], '1/1'],
    ['sends a bad length', [hex(`${marker} 0012 04`)], '1/2 0012'],
    ['sends a bad length where the type would be wrong as well', [hex(`${marker} 0014 04 00`)], '1/2 0014'],
    ['sends an unknown type', [hex(`${marker} 0013 07`)], '1/3 07'],
    ['sends KEEPALIVE instead of OPEN', [encodeMessage(keepalive, external)], '5/1 04'],
    ['sends UPDATE instead of KEEPALIVE', [encodeMessage(routerOpen, external), updateOf({})], '5/2 02'],
    ['sends OPEN twice', [encodeMessage(routerOpen, external), encodeMessage(routerOpen, external)], '5/2 01'],
  ])('is told so: it %s', async (_what, bytes, expected) => {
    speak();
    const call = await router.called();
    call.say(...bytes);
    expect(await call.verdict()).toBe(expected);
    const [code, subcode] = expected.split(' ')[0]?.split('/').map(Number) ?? [];
    const failed = await status(({ lastError }) => lastError !== null);
    expect(failed).toMatchObject({ announced: 0, flaps: 0, lastError: { direction: 'sent', code, subcode } });
  });

  it('is called again after all that', async () => {
    speak({}, hasty);
    for (let i = 0; i < 3; i++) {
      const call = await router.called();
      call.say(hex('00'.repeat(19)));
      expect(await call.verdict()).toBe('1/1');
    }
    await (await router.called()).establish();
    await status(({ state }) => state === 'established');
  });

  it('is given up when it says nothing', async () => {
    speak({}, hasty);
    expect(await (await router.called()).verdict()).toBe('4/0');
  });

  it('is given up when it sends half a message and no more', async () => {
    speak({}, hasty);
    const call = await router.called();
    call.say(encodeMessage(routerOpen, external).subarray(0, 25));
    expect(await call.verdict()).toBe('4/0');
  });

  it('is taken when its messages come byte by byte', async () => {
    speak();
    const call = await router.called();
    call.socket.setNoDelay(true);
    for (const byte of encodeMessage(routerOpen, external)) call.say(Uint8Array.of(byte));
    call.say(keepalive);
    await status(({ state }) => state === 'established');
  });

  it('is offered less when it knows no capabilities', async () => {
    speak({}, hasty);
    const first = await router.called();
    first.say({ kind: 'notification', code: 2, subcode: 4, data: new Uint8Array() });
    expect((await first.nextOf('open')).capabilities).not.toEqual([]);
    const second = await router.called();
    expect((await second.nextOf('open')).capabilities).toEqual([]);
    second.say({ ...routerOpen, capabilities: [] }, keepalive);
    expect(await status(({ state }) => state === 'established')).toMatchObject({ families: ['ipv4'] });
  });
});

describe('a router that misbehaves in a session', () => {
  const established = async (): Promise<RouterCall> => {
    speak();
    const call = await router.called();
    await call.establish();
    await status(({ state }) => state === 'established');
    return call;
  };

  it.each<[string, Uint8Array, string]>([
    ['an unknown well-known attribute', updateOf({ attributes: `${mandatory} 406301aa`, nlri: '20cb00710a' }), '3/2 406301aa'],
    ['routes that cannot be parsed', updateOf({ attributes: mandatory, nlri: '21cb00710a00' }), '3/10'],
    ['attributes that run past the message', messageOf(2, '0000 00ff 40010100'), '3/1'],
    ['withdrawn routes that run past the message', messageOf(2, '00ff 0000'), '3/1'],
    ['OPEN again', encodeMessage(routerOpen, external), '5/3 01'],
    ['a message longer than 4096 bytes', hex(`${marker} 1001 02`), '1/2 1001'],
  ])('is told so: it sends %s', async (_what, bytes, expected) => {
    const call = await established();
    call.say(bytes);
    expect(await call.verdict()).toBe(expected);
    expect(await status(({ state }) => state !== 'established')).toMatchObject({ flaps: 1 });
  });

  it('keeps its session when only an attribute is malformed', async () => {
    const call = await established();
    call.say(updateOf({ attributes: `40010109 ${mandatory.slice(9)}`, nlri: '20cb00710a' }));
    call.say({ kind: 'routeRefresh', afi: 1, safi: 1, subtype: 0 });
    call.say({ kind: 'notification', code: 6, subcode: 4, data: new Uint8Array() });
    const lost = await status(({ state }) => state !== 'established');
    expect(lost).toMatchObject({ lastError: { direction: 'received', code: 6, subcode: 4 } });
    expect(lost.messages.received).toMatchObject({ update: 1, malformed: 1 });
  });

  it('is let go with 4/0 when it falls silent', async () => {
    speak({}, hasty);
    const call = await router.called();
    call.say(routerOpen, keepalive);
    expect(await call.verdict()).toBe('4/0');
  });

  it('is announced the newest state when it reads again, however much changed meanwhile', async () => {
    const call = await established();
    call.socket.pause();
    // A message each, most of it a path: what fills the kernel's buffers with little work.
    const count = 16;
    const routes = (round: number) =>
      Array.from({ length: count }, (_, i) => ({ prefix: `198.18.0.${i}/32`, policy: { med: round, prepend: 900 + i } }));
    const rounds = 200;
    for (let round = 1; round < rounds; round++) {
      bed.speaker.set(routes(round));
      call.say(keepalive);
      // The sockets move only between turns of the loop.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const last = routes(rounds).slice(0, 10);
    bed.speaker.set(last);
    call.socket.resume();
    const held = new Map<string, number | undefined>();
    let updates = 0;
    while (held.size !== 10 || ![...held.values()].every((med) => med === rounds)) {
      const { withdrawn, announced, attributes } = await call.nextOf('update');
      updates += 1;
      for (const prefix of withdrawn) held.delete(prefix);
      for (const prefix of announced) held.set(prefix, attributes.med);
    }
    expect([...held.keys()].sort()).toEqual(last.map(({ prefix }) => prefix).sort());
    // The kernel's own buffers hold some, the speaker keeps only the newest.
    expect(updates).toBeLessThan((rounds - 1) * count);
  });
});

describe('two connections at once', () => {
  it('leave the one of the higher identifier', async () => {
    const port = await freePort();
    speak({ listen: { address: '127.0.0.1', port } });
    const ours = await router.called();
    const theirs = await router.call(port);
    ours.say(routerOpen);
    await ours.nextOf('keepalive');
    theirs.say(routerOpen);
    expect(await theirs.verdict()).toBe('6/7');
    ours.say(keepalive);
    await status(({ state }) => state === 'established');
  });

  it('leave the router’s when its identifier is higher', async () => {
    const port = await freePort();
    speak({ listen: { address: '127.0.0.1', port } });
    const ours = await router.called();
    const theirs = await router.call(port);
    const open = { ...routerOpen, routerId: '192.0.2.1' };
    ours.say(open);
    await ours.nextOf('keepalive');
    theirs.say(open);
    expect(await ours.verdict()).toBe('6/7');
    theirs.say(keepalive);
    await status(({ state }) => state === 'established');
  });

  it('leave an established session alone', async () => {
    const port = await freePort();
    speak({ listen: { address: '127.0.0.1', port } });
    await (await router.called()).establish();
    await status(({ state }) => state === 'established');
    const late = await router.call(port);
    late.say({ ...routerOpen, routerId: '192.0.2.1' });
    expect(await late.verdict()).toBe('6/7');
    expect(bed.speaker.peers()[0]).toMatchObject({ state: 'established', flaps: 0 });
  });
});

describe('an address that is taken', () => {
  it('is a clear error and no crash', async () => {
    const speaker = bed.speak({ peers: [], listen: { address: '127.0.0.1', port: router.port } });
    await vi.waitFor(() => expect(speaker.troubles()).toHaveLength(1));
    expect(speaker.troubles()[0]).toContain(`cannot listen on 127.0.0.1 port ${router.port}: bind: Address already in use`);
  });
});

describe('ending', () => {
  it('says so to the router, in words it can read', async () => {
    speak();
    const call = await router.called();
    await call.establish();
    await status(({ state }) => state === 'established');
    await bed.speaker.close(true);
    expect(await call.verdict()).toBe(`6/2 16${toHex(new TextEncoder().encode('torii is shutting down'))}`);
  });
});
