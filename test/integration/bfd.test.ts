// BFD against BIRD and FRR's bfdd, over IPv4 and IPv6, with hold times that are far too long to help.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PeerStatus } from '../../src/model/peer.ts';
import { BfdBed, type BfdRouter, BirdWithBfd, bfdSpeakerConfig, FrrWithBfd, plainSpeakerConfig } from './support/bfd-bed.ts';
import { routerAddress, routerAddress6, type SpeakerProcess, speakerAddress, speakerAddress6 } from './support/bgp-bed.ts';

const vips = ['203.0.113.10/32', '2001:db8:cafe::10/128'] as const;
const peers = [routerAddress, routerAddress6] as const;
const speakers = [speakerAddress, speakerAddress6] as const;

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('SKIPPED: BFD against real routers needs root for network namespaces');

const silentFor = (bfd: PeerStatus['bfd']) => bfd?.state !== 'up' && bfd?.flaps === 1;

async function until(holds: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(holds()).toBe(true), { timeout: 60_000, interval: 100 });
}

/** A bed whose speaker has sessions of both families with the router, each with BFD up. */
class Up {
  readonly bed = new BfdBed();
  readonly router: BfdRouter;

  constructor(makeRouter: (bed: BfdBed) => BfdRouter) {
    this.router = makeRouter(this.bed);
  }

  // BGP first: FRR opens its BFD session anew with the first connection that comes in, which would be a flap.
  async start(): Promise<SpeakerProcess> {
    await this.router.start();
    const speaker = this.bed.speaker(plainSpeakerConfig);
    speaker.set(vips.map((prefix) => ({ prefix, policy: {} })));
    for (const vip of vips) await this.bed.routeIs(vip, true);
    speaker.configure(bfdSpeakerConfig);
    for (const peer of peers) {
      await speaker.peer(({ address, bfd }) => address === peer && bfd?.state === 'up' && bfd.detectTimeMs === 500);
    }
    await until(() => speakers.every((address) => this.router.isUp(address)));
    return speaker;
  }
}

describe.skipIf(!isRoot).each([
  ['BIRD', (bed: BfdBed): BfdRouter => new BirdWithBfd(bed)],
  ['FRR', (bed: BfdBed): BfdRouter => new FrrWithBfd(bed)],
])('with %s as the router, BFD', (_, makeRouter) => {
  let up: Up;
  let speaker: SpeakerProcess;

  beforeEach(async () => {
    up = new Up(makeRouter);
    speaker = await up.start();
  });

  afterEach(() => up.bed.close());

  it('takes the routes out when the link falls silent, and lets them come back with it', async () => {
    const { bed } = up;
    bed.silence();
    for (const vip of vips) await bed.routeIs(vip, false);
    for (const peer of peers) {
      const lost = await speaker.peer(({ address, state, bfd }) => address === peer && state !== 'established' && silentFor(bfd));
      expect(lost.lastError).toMatchObject({ direction: 'sent', code: 6, subcode: 10 });
      expect(lost.bfd?.lastDiag).toBe('control detection time expired');
    }
    bed.heal();
    for (const peer of peers) {
      await speaker.peer(({ address, state, bfd }) => address === peer && state === 'established' && bfd?.state === 'up');
    }
    for (const vip of vips) await bed.routeIs(vip, true);
  });

  it('ends the sessions when the router hangs', async () => {
    up.router.signal('SIGSTOP');
    for (const peer of peers) {
      await speaker.peer(({ address, state, bfd }) => address === peer && state !== 'established' && silentFor(bfd));
    }
  });

  it('takes the routes out when the speaker hangs', async () => {
    speaker.child.kill('SIGSTOP');
    for (const vip of vips) await up.bed.routeIs(vip, false);
  });

  it('says AdminDown when the speaker stops', async () => {
    await speaker.close(false);
    await until(() => speakers.every((address) => up.router.heardAdminDown(address)));
  });
});

describe.skipIf(!isRoot)('with FRR as the router', () => {
  it('BGP goes on when the router’s operator switches BFD off', async () => {
    let router: FrrWithBfd | undefined;
    const up = new Up((bed) => {
      router = new FrrWithBfd(bed);
      return router;
    });
    try {
      const speaker = await up.start();
      router?.switchOff();
      for (const peer of peers) {
        const { state, flaps, bfd } = await speaker.peer(
          ({ address, bfd }) => address === peer && bfd?.remoteState === 'adminDown',
        );
        expect({ state, flaps, bfd: bfd?.state }).toEqual({ state: 'established', flaps: 0, bfd: 'down' });
      }
      for (const vip of vips) expect(up.bed.route(vip)).toBeDefined();
    } finally {
      await up.bed.close();
    }
  });
});
