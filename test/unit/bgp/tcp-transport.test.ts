// The transport's sockets on loopback: who may call, what ends, and that nothing stays open.

import { afterEach, describe, expect, it } from 'vitest';
import { makeTcpTransport, tcpTransport } from '../../../src/bgp/tcp-transport.ts';
import type { Connection } from '../../../src/bgp/transport.ts';
import { loadNetAddon } from '../../../src/net.ts';
import { freePort } from '../../support/free-port.ts';
import { dialled, dialTarget, hear, openSockets, plainSocket, resetOf, silenceMs, TcpBed } from './support/tcp-bed.ts';

let bed: TcpBed | undefined;
afterEach(() => {
  bed?.close();
  bed = undefined;
});

const turnOfTheLoop = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A call that was answered, and its other end. */
async function pair(settings: { readonly userTimeoutMs?: number } = {}): Promise<[Connection, Connection]> {
  bed = await TcpBed.start('127.0.0.1', [{ ...plainSocket('127.0.0.1'), ...settings }]);
  const there = await bed.call();
  if (typeof there === 'string') throw new Error(there);
  return [there, await bed.taken()];
}

describe('a call', () => {
  it('that is refused says so', async () => {
    const port = await freePort();
    expect(await dialled(dialTarget({ address: '127.0.0.1', port }))).toBe(`connect ECONNREFUSED 127.0.0.1:${port}`);
  });

  it('from an address that is not of this host says so', async () => {
    const target = dialTarget({ address: '127.0.0.1', port: 1, localAddress: '192.0.2.1' });
    expect(await dialled(target)).toBe('bind: Cannot assign requested address');
  });

  it('over a device that is not there says so', async () => {
    expect(await dialled(dialTarget({ address: 'fe80::1%gone', port: 1 }))).toBe('fe80::1%gone: No such device');
  });

  it('fails, and does not throw, where the addon is missing', async () => {
    const broken = makeTcpTransport(() => {
      throw new Error('expected the native addon');
    });
    expect(await dialled(dialTarget({ address: '127.0.0.1', port: 1 }), broken)).toBe('expected the native addon');
    const target = { address: '127.0.0.1', port: 1, callers: [] };
    await expect(broken.listen(target, { onCall: () => undefined, onRefused: () => undefined })).rejects.toThrow(
      'expected the native addon',
    );
  });

  it('leaves no socket open, whether it is cancelled, fails or gets no answer', async () => {
    bed = await TcpBed.start('127.0.0.1', [{ ...plainSocket('127.0.0.2'), password: 'secret' }]);
    const before = openSockets().length;
    const silent = dialTarget({ address: '127.0.0.1', port: bed.port, localAddress: '127.0.0.2' });
    const heard: unknown[] = [];
    const handlers = {
      onConnected: (connection: Connection) => heard.push(connection),
      onFailed: (text: string) => heard.push(text),
    };
    // Before and after the SYN has left.
    for (let i = 0; i < 20; i++) tcpTransport.dial(silent, handlers)();
    const cancels = Array.from({ length: 20 }, () => tcpTransport.dial(silent, handlers));
    expect(openSockets()).toHaveLength(before + 20);
    await turnOfTheLoop();
    for (const cancel of cancels) cancel();
    await turnOfTheLoop();
    expect(heard).toEqual([]);
    expect(openSockets()).toHaveLength(before);
    await dialled({ ...silent, timeoutMs: silenceMs });
    await dialled({ ...silent, localAddress: '192.0.2.1' });
    await dialled({ ...silent, port: await freePort() });
    await turnOfTheLoop();
    expect(openSockets()).toHaveLength(before);
  });

  it('that is cancelled before its failure was told stays silent', async () => {
    const heard: unknown[] = [];
    const handlers = {
      onConnected: (connection: Connection) => heard.push(connection),
      onFailed: (text: string) => heard.push(text),
    };
    tcpTransport.dial(dialTarget({ address: 'fe80::1%gone', port: 1 }), handlers)();
    await turnOfTheLoop();
    await turnOfTheLoop();
    expect(heard).toEqual([]);
  });
});

describe('listening', () => {
  it('on :: takes calls of both families, from canonical addresses', async () => {
    bed = await TcpBed.start('::', [plainSocket('127.0.0.2'), plainSocket('::1')]);
    await bed.call({ address: '127.0.0.1', localAddress: '127.0.0.2' });
    expect((await bed.taken()).remoteAddress).toBe('127.0.0.2');
    await bed.call({ address: '::1' });
    expect((await bed.taken()).remoteAddress).toBe('::1');
  });

  it('on an IPv6 address takes no IPv4', async () => {
    bed = await TcpBed.start('::1', [plainSocket('::1')]);
    expect(await bed.call({ address: '127.0.0.1' })).toContain('ECONNREFUSED');
  });

  it('resets strangers', async () => {
    bed = await TcpBed.start('127.0.0.1', [plainSocket('127.0.0.2')]);
    expect(await resetOf(await bed.call({ localAddress: '127.0.0.3' }))).toContain('ECONNRESET');
    await bed.call({ localAddress: '127.0.0.2' });
    expect((await bed.taken()).remoteAddress).toBe('127.0.0.2');
  });

  it('where somebody listens fails, and leaves no socket open', async () => {
    bed = await TcpBed.start('127.0.0.1', []);
    const before = openSockets().length;
    const handlers = { onCall: () => undefined, onRefused: () => undefined };
    for (const address of ['127.0.0.1', '::']) {
      await expect(tcpTransport.listen({ address, port: bed.port, callers: [] }, handlers)).rejects.toThrow(/in use/);
    }
    await turnOfTheLoop();
    expect(openSockets()).toHaveLength(before);
  });

  it('is not done for a peer whose connection cannot be protected', async () => {
    const troubled = makeTcpTransport(() => ({
      ...loadNetAddon(),
      protectSocket: () => {
        throw new Error('out of keys');
      },
    }));
    bed = await TcpBed.start('127.0.0.1', [plainSocket('127.0.0.1')], troubled);
    expect(await resetOf(await bed.call())).toContain('ECONNRESET');
    expect(await bed.refusal()).toBe('127.0.0.1: its call cannot be protected: out of keys');
  });
});

describe('a connection', () => {
  it('tells what the other host has not acknowledged', async () => {
    const [there, here] = await pair();
    hear(there);
    expect(await there.unacknowledgedBytes()).toBe(0);
    // More than both kernels hold while nobody reads.
    const bytes = Buffer.alloc(16_000_000);
    there.write(bytes);
    await turnOfTheLoop();
    expect(await there.unacknowledgedBytes()).toBeGreaterThan(0);
    const ear = hear(here);
    await ear.until(() => ear.text.length === bytes.length);
    while ((await there.unacknowledgedBytes()) > 0) await turnOfTheLoop();
    there.reset();
    expect(await there.unacknowledgedBytes()).toBe(0);
  });

  it('ends when the other host takes nothing for as long as it may', async () => {
    const [, here] = await pair({ userTimeoutMs: 200 });
    const ear = hear(here);
    here.write(Buffer.alloc(16_000_000));
    await ear.until(() => ear.closed !== undefined);
    expect(ear.closed).toBe("the peer's host no longer acknowledges what is sent");
  });

  it('ends with what was written, and is then gone', async () => {
    const [there, here] = await pair();
    const ear = hear(here);
    hear(there);
    there.write(Buffer.from('goodbye'));
    await there.end();
    await ear.until(() => ear.closed !== undefined);
    expect([ear.text, ear.closed]).toEqual(['goodbye', 'the peer closed the connection']);
  });

  it('shows what the other host said before it reset, though a write finds the reset first', async () => {
    const [there, here] = await pair();
    const ear = hear(here);
    there.write(Buffer.from('goodbye'));
    there.reset();
    here.write(Buffer.from('still there?'));
    await ear.until(() => ear.closed !== undefined);
    expect(ear.text).toBe('goodbye');
    expect(ear.closed).toContain('ECONNRESET');
  });

  it('on which somebody sends without end lets others in between', async () => {
    const [there, here] = await pair();
    const floodBytes = 16_000_000;
    const read = { all: 0, sinceTurn: 0, most: 0 };
    here.start({
      onData: ({ length }) => {
        read.all += length;
        read.sinceTurn += length;
        read.most = Math.max(read.most, read.sinceTurn);
      },
      onWritable: () => undefined,
      onClosed: () => undefined,
    });
    there.write(Buffer.alloc(floodBytes));
    while (read.all < floodBytes) {
      await turnOfTheLoop();
      read.sinceTurn = 0;
    }
    // One read, and one that was under way.
    expect(read.most).toBeLessThanOrEqual(2 * 65_536);
  });
});
