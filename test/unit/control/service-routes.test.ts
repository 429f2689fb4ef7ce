import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../../src/control/messages.ts';
import { graceMs } from '../../../src/control/planner.ts';
import { decodeRoutes } from '../../../src/control/route-lines.ts';
import type { StatusView, VipView } from '../../../src/model/views.ts';
import { Bed, codeOf, down, routesIn, text, twoVips } from './service-bed.ts';
import { documentOf, webVip } from './world.ts';

describe('the config worker', () => {
  it('keeps a removed VIP in the tables until its route has had time to go', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const bed = new Bed();
    await bed.start(twoVips);
    const answer = bed.reload(text);
    await bed.adopt();
    expect((await answer).changes).toEqual(['VIP 203.0.113.11:80/tcp: removed']);
    expect(await bed.next('withdraw')).toEqual({ kind: 'withdraw', prefixes: ['203.0.113.11/32'], byHealth: [] });
    expect(bed.compiler.drafted.at(-1)?.vips).toHaveLength(2);
    expect(await bed.view<VipView[]>('vips')).toHaveLength(1);
    vi.advanceTimersByTime(graceMs);
    await bed.adopt();
    vi.useRealTimers();
    expect(bed.compiler.drafted.at(-1)?.vips).toHaveLength(1);
  });

  it('gives every removed VIP the same time, whatever is removed or observed meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const third = { ...webVip, address: '203.0.113.12' };
      const bed = new Bed();
      await bed.start(documentOf({ vips: [webVip, { ...webVip, address: '203.0.113.11' }, third] }));
      const namesAfter = async (): Promise<readonly string[] | undefined> => {
        await bed.adopt();
        return bed.compiler.drafted.at(-1)?.vips.map(({ prefix }) => prefix.address.slice(-2));
      };
      void bed.reload(documentOf({ vips: [webVip, third] }));
      expect(await namesAfter()).toEqual(['10', '11', '12']);
      vi.advanceTimersByTime(graceMs / 2);
      void bed.reload(text);
      expect(await namesAfter()).toEqual(['10', '11', '12']);
      vi.advanceTimersByTime(graceMs / 4);
      bed.observe(text, { '10.0.2.21': down['10.0.2.21'] });
      expect(await namesAfter()).toEqual(['10', '11', '12']);
      vi.advanceTimersByTime(graceMs / 4);
      expect(await namesAfter()).toEqual(['10', '12']);
      vi.advanceTimersByTime(graceMs / 2);
      expect(await namesAfter()).toEqual(['10']);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a route that an operator withdraws', () => {
  const bgp = { localAs: 65010, drainSec: 5, peers: [{ address: '10.0.1.1', as: 65000 }] };
  const drained = documentOf({ vips: [webVip, { ...webVip, address: '203.0.113.11' }], node: { bgp } });
  const linesIn = ({ routes }: Outcome): readonly string[] => decodeRoutes(routes).map(({ text: route }) => route);
  const leaving = (prefix: string) => JSON.stringify({ prefix, policy: {}, draining: true });
  const staying = (prefix: string) => JSON.stringify({ prefix, policy: {} });
  const [a, b] = ['203.0.113.10/32', '203.0.113.11/32'];

  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => vi.useRealTimers());

  it('is told with GRACEFUL_SHUTDOWN for drainSec, then withdrawn, and announced again when the word is taken back', async () => {
    const bed = new Bed();
    await bed.start(drained);
    const on = bed.change({ kind: 'maintenance', value: true });
    expect(linesIn(await bed.adopt())).toEqual([leaving(a), leaving(b)]);
    await on;
    expect(await bed.view<VipView[]>('vips')).toMatchObject([{ state: 'draining' }, { state: 'draining' }]);
    expect(bed.events.some(({ kind }) => kind === 'withdraw')).toBe(false);
    vi.advanceTimersByTime(4999);
    await new Promise(setImmediate);
    expect(bed.events.some(({ kind }) => kind === 'withdraw')).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await bed.next('withdraw')).toEqual({ kind: 'withdraw', prefixes: [a, b], byHealth: [] });
    await bed.adopt();
    expect(await bed.view<VipView[]>('vips')).toMatchObject([{ reason: 'maintenance by alice' }, { state: 'withheld' }]);
    const off = bed.change({ kind: 'maintenance', value: false });
    expect(linesIn(await bed.adopt())).toEqual([staying(a), staying(b)]);
    await off;
  });

  it('has drainSec from when it is told, however long the tables take', async () => {
    const bed = new Bed();
    await bed.start(drained);
    void bed.change({ kind: 'maintenance', value: true });
    const { outcome } = await bed.next('outcome');
    vi.advanceTimersByTime(4000);
    bed.service.take({ kind: 'adopted', compile: outcome.compile, generation: 7 });
    await bed.next('applied');
    vi.advanceTimersByTime(4999);
    await new Promise(setImmediate);
    expect(bed.events.some(({ kind }) => kind === 'withdraw')).toBe(false);
    vi.advanceTimersByTime(1);
    expect((await bed.next('withdraw')).prefixes).toEqual([a, b]);
  });

  it('stays when the word is taken back in time', async () => {
    const bed = new Bed();
    await bed.start(drained);
    void bed.change({ kind: 'hold', target: '203.0.113.10:80/tcp', value: true });
    expect(linesIn(await bed.adopt())).toEqual([leaving(a)]);
    vi.advanceTimersByTime(3000);
    void bed.change({ kind: 'hold', target: '203.0.113.10:80/tcp', value: false });
    expect(linesIn(await bed.adopt())).toEqual([staying(a)]);
    vi.advanceTimersByTime(60_000);
    await new Promise(setImmediate);
    expect(bed.events.filter(({ kind }) => kind === 'withdraw' || kind === 'outcome')).toEqual([]);
  });

  it('goes at once where health takes it, drain or not', async () => {
    const bed = new Bed();
    await bed.start(drained);
    void bed.change({ kind: 'maintenance', value: true });
    await bed.adopt();
    bed.observe(drained, down);
    expect((await bed.next('withdraw')).prefixes).toEqual([a, b]);
  });

  it('is not announced at all by a node that starts in maintenance', async () => {
    const first = new Bed();
    await first.start(drained);
    void first.change({ kind: 'maintenance', value: true });
    await first.adopt();
    const second = new Bed(first.keeper);
    expect((await second.start(drained)).routes).toBeNull();
  });

  it('goes at once where no BGP is spoken', async () => {
    const bed = new Bed();
    await bed.start(text);
    void bed.change({ kind: 'maintenance', value: true });
    expect((await bed.next('withdraw')).prefixes).toEqual([a]);
  });
});

describe('an aggregate', () => {
  const [a, b, both] = ['203.0.113.10/32', '203.0.113.11/32', '203.0.113.0/28'];
  const hosts = twoVips;
  const together = documentOf({ vips: [webVip, { ...webVip, address: '203.0.113.11' }], tenant: { announce: [both] } });
  const withdrawals = (bed: Bed) => bed.events.filter(({ kind }) => kind === 'withdraw');

  it('takes the place of host routes without a gap, and gives it back so', async () => {
    const bed = new Bed();
    await bed.start(hosts);
    void bed.reload(together);
    const forth = await bed.adopt();
    expect([routesIn(forth), forth.replaced]).toEqual([[both], [a, b]]);
    void bed.reload(hosts);
    const back = await bed.adopt();
    expect([routesIn(back), back.replaced]).toEqual([[a, b], [both]]);
    expect(withdrawals(bed)).toEqual([]);
    bed.observe(hosts, down);
    expect((await bed.next('withdraw')).prefixes).toEqual([a, b]);
  });

  it('leaves no route behind when health takes all before the workers have adopted it', async () => {
    const bed = new Bed();
    await bed.start(hosts);
    void bed.reload(together);
    const { outcome } = await bed.next('outcome');
    bed.observe(hosts, down);
    const { prefixes } = await bed.next('withdraw');
    expect([...prefixes].sort()).toEqual([both, a, b].sort());
    bed.service.take({ kind: 'adopted', compile: outcome.compile, generation: 2 });
    await bed.adopt();
    bed.observe(hosts);
    expect(routesIn(await bed.adopt())).toEqual([both]);
  });

  it('leaves the host routes where they are when its document is refused', async () => {
    const bed = new Bed();
    await bed.start(hosts);
    const answer = bed.reload(together);
    const { outcome } = await bed.next('outcome');
    bed.service.take({ kind: 'refused', compile: outcome.compile, message: 'a section reaches beyond the snapshot' });
    expect(await codeOf(answer)).toBe('snapshot_invalid');
    const again = await bed.adopt();
    expect([routesIn(again), again.replaced, withdrawals(bed)]).toEqual([[a, b], [both], []]);
  });

  it('keeps its route when one of its VIPs leaves the document', async () => {
    const bed = new Bed();
    await bed.start(together);
    void bed.reload(documentOf({ tenant: { announce: [both] } }));
    const outcome = await bed.adopt();
    expect([outcome.routes, outcome.replaced, withdrawals(bed)]).toEqual([null, [], []]);
    expect(bed.compiler.drafted.at(-1)?.vips.map(({ name }) => name)).toEqual(['203.0.113.10:80/tcp']);
  });

  it('is told beside the blackhole of a VIP inside', async () => {
    const bed = new Bed();
    await bed.start(together);
    const holed = [webVip, { ...webVip, address: '203.0.113.11', blackhole: true }];
    void bed.reload(documentOf({ vips: holed, tenant: { announce: [both] } }));
    const outcome = await bed.adopt();
    expect(decodeRoutes(outcome.routes)).toEqual([
      { prefix: b, usesPath: false, text: JSON.stringify({ prefix: b, policy: {}, blackhole: true, withoutPath: true }) },
    ]);
    expect(bed.compiler.drafted.at(-1)?.vips.map(({ name }) => name)).toHaveLength(2);
    expect(await bed.view<VipView[]>('vips')).toMatchObject([
      { state: 'announced', reason: 'announced as 203.0.113.0/28' },
      { state: 'blackhole' },
    ]);
    expect(await bed.view<StatusView>('status')).toMatchObject({ vips: { total: 2, announced: 1 } });
  });
});
