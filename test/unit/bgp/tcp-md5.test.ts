// TCP MD5 on loopback, where the kernel signs and checks like on any link.

import { afterEach, describe, expect, it } from 'vitest';
import { makeTcpTransport } from '../../../src/bgp/tcp-transport.ts';
import { loadNetAddon } from '../../../src/net.ts';
import {
  dialled,
  dialTarget,
  hear,
  openSockets,
  plainSocket,
  resetOf,
  silenceMs,
  TcpBed,
  tcpCounter,
} from './support/tcp-bed.ts';

const hasMd5 = (() => {
  const addon = loadNetAddon();
  const socket = addon.listeningSocket('127.0.0.1', 0);
  try {
    addon.setSocketKey(socket, '127.0.0.1', Buffer.from('key'));
    return true;
  } catch {
    return false;
  } finally {
    addon.closeSocket(socket);
  }
})();
if (!hasMd5) console.log('SKIPPED: TCP MD5 needs a kernel with CONFIG_TCP_MD5SIG');

let bed: TcpBed;
afterEach(() => bed.close());

const words = 'no answer within 0.3 s; with a password set, this is also how a wrong or missing password looks';

describe.skipIf(!hasMd5).each([
  ['IPv4', '127.0.0.1', '127.0.0.2'],
  ['IPv6', '::1', '::1'],
])('over %s', (_family, address, caller) => {
  const listening = async (password?: string) => {
    bed = await TcpBed.start(address, [{ ...plainSocket(caller), password }]);
  };
  const call = (password?: string) => bed.call({ localAddress: caller, password, timeoutMs: silenceMs });

  it('the same password on both sides brings bytes both ways', async () => {
    await listening('s3cret');
    const [there, here] = await Promise.all([bed.call({ localAddress: caller, password: 's3cret' }), bed.taken()]);
    if (typeof there === 'string') throw new Error(there);
    expect(here.remoteAddress).toBe(caller);
    expect(there).toMatchObject({ localAddress: caller, remoteAddress: address });
    const ears = [hear(there), hear(here)] as const;
    here.write(Buffer.from('from the listener'));
    there.write(Buffer.from('from the caller'));
    await ears[0].until(() => ears[0].text === 'from the listener');
    await ears[1].until(() => ears[1].text === 'from the caller');
  });

  it.each([
    ['another password', 'right', 'wrong', 'TCPMD5Failure', words],
    ['no password', 'right', undefined, 'TCPMD5NotFound', 'no answer within 0.3 s'],
    ['a password where none is', undefined, 'wrong', 'TCPMD5Unexpected', words],
  ])('a call with %s gets no answer', async (_what, ours, theirs, counter, text) => {
    await listening(ours);
    const before = tcpCounter(counter);
    expect(await call(theirs)).toBe(text);
    expect(tcpCounter(counter)).toBeGreaterThan(before);
  });

  it('passwords change, come and go while it listens', async () => {
    await listening('first');
    expect(bed.listener.admit([{ ...plainSocket(caller), password: 'second' }])).toBeNull();
    expect(await call('first')).toBe(words);
    expect(await call('second')).toBeTypeOf('object');
    expect(bed.listener.admit([plainSocket(caller)])).toBeNull();
    expect(await call('second')).toBe(words);
    expect(await call()).toBeTypeOf('object');
    bed.listener.admit([{ ...plainSocket(caller), password: 'third' }]);
    expect(await call('third')).toBeTypeOf('object');
    // A stranger again: its key goes, so it is answered, and then reset.
    bed.listener.admit([]);
    expect(await resetOf(await call())).toContain('ECONNRESET');
  });

  it('a connection made before the document changed is held to the new password once it is taken', async () => {
    await listening();
    const before = tcpCounter('TCPMD5NotFound');
    // Answered by the kernel: the listener's thread has not looked yet.
    const calling = bed.call({ localAddress: caller });
    await new Promise<void>((resolve) => process.nextTick(resolve));
    bed.listener.admit([{ ...plainSocket(caller), password: 'new' }]);
    const there = await calling;
    const here = await bed.taken();
    if (typeof there === 'string') throw new Error(there);
    const ear = hear(here);
    there.write(Buffer.from('unsigned'));
    while (tcpCounter('TCPMD5NotFound') === before) await new Promise((resolve) => setImmediate(resolve));
    expect(ear.text).toBe('');
  });
});

describe('where the kernel refuses a key', () => {
  const troubled = makeTcpTransport(() => ({
    ...loadNetAddon(),
    setSocketKey: () => {
      throw new Error('a password needs TCP MD5, which this kernel does not have');
    },
  }));

  it('that peer cannot call, least of all unsigned, and others can', async () => {
    const secured = { ...plainSocket('127.0.0.2'), password: 'secret' };
    bed = await TcpBed.start('127.0.0.1', [secured, plainSocket('127.0.0.3')], troubled);
    expect(bed.listener.admit([secured, plainSocket('127.0.0.3')])).toBe(
      '127.0.0.2 cannot call: a password needs TCP MD5, which this kernel does not have',
    );
    expect(await resetOf(await bed.call({ localAddress: '127.0.0.2' }))).toContain('ECONNRESET');
    expect(await bed.refusal()).toContain('127.0.0.2: 127.0.0.2 cannot call: a password needs TCP MD5');
    await bed.call({ localAddress: '127.0.0.3' });
    expect((await bed.taken()).remoteAddress).toBe('127.0.0.3');
  });

  it('a peer with a password is not dialled, and the words say why', async () => {
    bed = await TcpBed.start('127.0.0.1', [plainSocket('127.0.0.1')]);
    const before = openSockets().length;
    const refusing = makeTcpTransport(() => ({
      ...loadNetAddon(),
      protectSocket: () => {
        throw new Error('a password needs TCP MD5, which this kernel does not have');
      },
    }));
    const target = dialTarget({ address: '127.0.0.1', port: bed.port, password: 'secret' });
    expect(await dialled(target, refusing)).toBe('a password needs TCP MD5, which this kernel does not have');
    expect(openSockets()).toHaveLength(before);
  });
});

it.skipIf(!hasMd5)(
  'peers of one link-local address on two links need one password, since the kernel has one key for both',
  async () => {
    bed = await TcpBed.start('::1', []);
    const peers = ['fe80::1%lo', 'fe80::1%other'].map(plainSocket);
    expect(bed.listener.admit(peers.map((peer) => ({ ...peer, password: 'same' })))).toBeNull();
    expect(bed.listener.admit(peers.map((peer, i) => ({ ...peer, password: `${i}` })))).toBe(
      'fe80::1%lo and fe80::1%other are the same address to the kernel, which has one TCP MD5 key for it: give them the same password',
    );
  },
);

it.skipIf(!hasMd5)('a password of 80 bytes works, and the kernel is not asked for a longer one', async () => {
  const password = 'ä'.repeat(40);
  bed = await TcpBed.start('127.0.0.1', [{ ...plainSocket('127.0.0.2'), password }]);
  expect(await bed.call({ localAddress: '127.0.0.2', password })).toBeTypeOf('object');
  expect(await bed.call({ localAddress: '127.0.0.2', password: `${password}!` })).toMatch(/TCP_MD5SIG: Message too long/);
});
