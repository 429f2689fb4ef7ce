// The thread itself, from built files: worker_threads cannot load TypeScript.

import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type * as Remote from '../../../src/bgp/remote-speaker.ts';
import type { PeerStatus } from '../../../src/model/peer.ts';
import { keepalive, routerOpen } from './support/fake-network.ts';
import { HostileRouter } from './support/hostile-router.ts';

const built = new URL('../../../dist/src/bgp/remote-speaker.js', import.meta.url);
const isBuilt = existsSync(built);
if (!isBuilt) console.log('SKIPPED: the bgp thread needs "npm run build"');

describe.skipIf(!isBuilt)('the bgp thread', () => {
  let router: HostileRouter;
  let speaker: Remote.RemoteSpeaker | undefined;
  let changed: () => void = () => undefined;
  let reports = 0;

  beforeEach(async () => {
    router = await HostileRouter.start();
    const { RemoteSpeaker } = (await import(built.href)) as typeof Remote;
    const peer = {
      address: '127.0.0.1',
      port: router.port,
      as: 65000,
      passive: false,
      holdTimeSec: 9,
      connectRetrySec: 1,
      policy: {},
    };
    speaker = new RemoteSpeaker(
      { localAs: 65010, routerId: '10.66.0.11', drainSec: 0, peers: [peer] },
      {
        onPeers: () => {
          reports += 1;
          changed();
        },
        onLog: () => undefined,
      },
    );
  });

  afterEach(async () => {
    await speaker?.close(false);
    router.close();
  });

  const status = async (fits: (peer: PeerStatus) => boolean): Promise<PeerStatus> => {
    for (;;) {
      const found = speaker?.peers().find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
    }
  };

  it('announces what it is given, as values or as bytes that it takes over', async () => {
    const advertisement = { prefix: '203.0.113.10/32', policy: { med: 7 } };
    speaker?.set([advertisement]);
    const call = await router.called();
    await call.establish();
    expect(await call.nextOf('update')).toMatchObject({ announced: ['203.0.113.10/32'], attributes: { med: 7 } });
    await status(({ announced }) => announced === 1);
    await call.nextOf('update');
    const json = new TextEncoder()
      .encode(JSON.stringify([advertisement, { ...advertisement, prefix: '203.0.113.11/32' }]))
      .slice();
    speaker?.setEncoded(json);
    expect(json.byteLength).toBe(0);
    expect(await call.nextOf('update')).toMatchObject({ announced: ['203.0.113.11/32'] });
  });

  it('shows the messages of a peer, and none of a stranger', async () => {
    await (await router.called()).establish();
    await status(({ state }) => state === 'established');
    const entries = await speaker?.messages('127.0.0.1');
    expect(
      entries
        ?.map(({ direction, kind }) => `${direction} ${kind}`)
        .slice(0, 2)
        .sort(),
    ).toEqual(['received open', 'sent open']);
    expect(await speaker?.messages('127.0.0.2')).toBeUndefined();
  });

  it('reports each second also when nothing happens', async () => {
    await (await router.called()).establish();
    await status(({ state }) => state === 'established');
    const before = reports;
    await status(({ uptimeSec }) => uptimeSec >= 2);
    expect(reports - before).toBeGreaterThanOrEqual(2);
  });

  it('is started again with the newest configuration and routes when it dies', async () => {
    const { RemoteSpeaker } = (await import(built.href)) as typeof Remote;
    await speaker?.close(false);
    const logs: string[] = [];
    const good = { localAs: 65010, routerId: '10.66.0.11', drainSec: 0, peers: [] };
    // Not a configuration at all: the thread ends before it has begun.
    const dead = new RemoteSpeaker(
      { ...good, peers: undefined as never },
      { onPeers: () => changed(), onLog: ({ message }) => logs.push(message) },
    );
    speaker = dead;
    dead.set([{ prefix: '203.0.113.10/32', policy: {} }]);
    const peer = {
      address: '127.0.0.1',
      port: router.port,
      as: 65000,
      passive: false,
      holdTimeSec: 9,
      connectRetrySec: 1,
      policy: {},
    };
    dead.configure({ ...good, peers: [peer] });
    let call = await router.called();
    for (let opened = await call.next(); opened === undefined; opened = await call.next()) call = await router.called();
    call.say(routerOpen, keepalive);
    expect(await call.nextOf('update')).toMatchObject({ announced: ['203.0.113.10/32'] });
    expect(logs.filter((message) => message.startsWith('bgp thread failed'))).toHaveLength(1);
  });

  it('passes on that it cannot listen, until it can', async () => {
    const taken = { address: '127.0.0.1', port: router.port };
    const config = { localAs: 65010, routerId: '10.66.0.11', drainSec: 0, peers: [] };
    const untilTroubles = async (count: number): Promise<readonly string[]> => {
      for (;;) {
        const troubles = speaker?.troubles() ?? [];
        if (troubles.length === count) return troubles;
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
    };
    speaker?.configure({ ...config, listen: taken });
    expect((await untilTroubles(1))[0]).toContain('node.bgp.listen: cannot listen');
    speaker?.configure(config);
    expect(await untilTroubles(0)).toEqual([]);
  });

  it('ends its sessions with a CEASE and is gone', async () => {
    const call = await router.called();
    await call.establish();
    await status(({ state }) => state === 'established');
    await speaker?.close(true);
    expect(await call.verdict()).toMatch(/^6\/2 /);
  });
});
