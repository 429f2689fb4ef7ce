import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeRoutes } from '../../../src/control/route-lines.ts';
import type { StatusView, VipView } from '../../../src/model/views.ts';
import { Bed, codeOf, down, routesIn, text, twoVips } from './service-bed.ts';
import { documentOf, webVip } from './world.ts';

describe('the config worker', () => {
  it('gathers everything that arrives together into one compile', async () => {
    const bed = new Bed();
    const outcome = await bed.start(text);
    expect(bed.compiler.drafted).toHaveLength(1);
    expect(routesIn(outcome)).toEqual(['203.0.113.10/32']);
    expect(JSON.parse(Buffer.from(outcome.addresses ?? []).toString())).toEqual(['10.0.2.21', '10.0.2.22']);
  });

  it('compiles nothing before every worker has adopted the last one, then all at once', async () => {
    const bed = new Bed();
    await bed.start(text);
    bed.observe(text, { '10.0.2.21': down['10.0.2.21'] });
    const { outcome } = await bed.next('outcome');
    bed.observe(text, down);
    bed.observe(text);
    await new Promise(setImmediate);
    expect(bed.compiler.drafted).toHaveLength(2);
    bed.service.take({ kind: 'adopted', compile: outcome.compile, generation: 2 });
    await bed.adopt();
    expect(bed.compiler.drafted).toHaveLength(3);
  });

  it('tells of routes that must go before it compiles', async () => {
    const bed = new Bed();
    await bed.start(text);
    bed.observe(text, down);
    await bed.next('outcome');
    const kinds = bed.events.map(({ kind }) => kind);
    expect(kinds).toContain('withdraw');
    expect(await bed.next('withdraw')).toEqual({
      kind: 'withdraw',
      prefixes: ['203.0.113.10/32'],
      byHealth: ['203.0.113.10/32'],
    });
  });

  it('tells of routes that must go while the workers still adopt what was before', async () => {
    const bed = new Bed();
    await bed.start(twoVips);
    bed.observe(text, { '10.0.2.21': down['10.0.2.21'] });
    const { outcome } = await bed.next('outcome');
    bed.observe(text, down);
    expect((await bed.next('withdraw')).prefixes).toEqual(['203.0.113.10/32', '203.0.113.11/32']);
    expect(bed.compiler.drafted).toHaveLength(2);
    bed.service.take({ kind: 'adopted', compile: outcome.compile, generation: 2 });
    await bed.adopt();
    bed.observe(text);
    expect(routesIn(await bed.adopt())).toEqual(['203.0.113.10/32', '203.0.113.11/32']);
  });

  it('answers a change once it is in force, with a new revision, and keeps it on disk', async () => {
    const bed = new Bed();
    await bed.start(text);
    const answer = bed.change({ kind: 'state', target: '10.0.2.21', value: 'draining' });
    await bed.adopt();
    expect(await answer).toMatchObject({ revision: 2 });
    expect(bed.keeper.words?.overrides.size).toBe(1);
    expect(await codeOf(bed.change({ kind: 'maintenance', value: true }, 1))).toBe('revision_stale');
  });

  it('ends hold-downs for documents, not for what an operator says of one backend', async () => {
    const bed = new Bed();
    expect(await bed.start(text)).toMatchObject({ endsHoldDowns: true });
    const word = bed.change({ kind: 'state', target: '10.0.2.21', value: 'draining' });
    expect(await bed.adopt()).toMatchObject({ endsHoldDowns: false });
    await word;
    const reload = bed.reload(twoVips);
    expect(await bed.adopt()).toMatchObject({ endsHoldDowns: true });
    await reload;
  });

  it('tells main only the routes that it does not have, or has otherwise', async () => {
    const bed = new Bed();
    await bed.start(text);
    void bed.reload(twoVips);
    expect(routesIn(await bed.adopt())).toEqual(['203.0.113.11/32']);
    void bed.reload(documentOf({ vips: [webVip, { ...webVip, address: '203.0.113.11', med: 5 }] }));
    const { routes } = await bed.adopt();
    expect(decodeRoutes(routes).map(({ text: route }) => route)).toEqual(['{"prefix":"203.0.113.11/32","policy":{"med":5}}']);
  });

  it('tells main nothing that main already knows', async () => {
    const bed = new Bed();
    await bed.start(text);
    bed.observe(text, { '10.0.2.21': down['10.0.2.21'] });
    expect(await bed.adopt()).toMatchObject({ routes: null, targets: null, addresses: null, node: null });
  });
});

describe('a view', () => {
  it('calls no VIP announced that no router hears of', async () => {
    const bed = new Bed();
    await bed.start(text);
    const unheard = 'no BGP session: peer 10.0.1.1 idle';
    expect(await bed.view<VipView[]>('vips', { unheard: { 4: unheard, 6: unheard } })).toMatchObject([
      { state: 'withheld', reason: unheard },
    ]);
    expect(await bed.view<StatusView>('status', { unheard: { 4: unheard, 6: unheard } })).toMatchObject({
      vips: { total: 1, announced: 0 },
    });
  });

  it('tells the passwords of peers with the first document: nobody is called unsigned until the tables are there', async () => {
    const peers = [{ address: '10.0.1.1', as: 65000, password: { env: 'BGP_KEY' } }];
    const signed = documentOf({ node: { bgp: { localAs: 65010, peers } } });
    const { node } = await new Bed().ask<'boot'>({ kind: 'boot', source: 'torii.yaml', text: signed });
    expect(node.speaker?.peers).toMatchObject([{ address: '10.0.1.1', password: 'hunter2' }]);
  });

  it('says that a VIP waits for the workers, then that it is announced', async () => {
    const bed = new Bed();
    await bed.ask<'boot'>({ kind: 'boot', source: 'torii.yaml', text });
    expect(await codeOf(bed.view('vips'))).toBe('not_ready');
    bed.observe(text);
    bed.service.take({ kind: 'packetPath', engine: 0 });
    const { outcome } = await bed.next('outcome');
    expect(await bed.view<VipView[]>('vips')).toMatchObject([{ state: 'withheld', reason: 'not yet adopted by every worker' }]);
    bed.service.take({ kind: 'adopted', compile: outcome.compile, generation: 1 });
    expect(await bed.view<VipView[]>('vips')).toMatchObject([
      { vip: '203.0.113.10:80/tcp', state: 'announced', reason: null, usableBackends: 2, backends: 2 },
    ]);
    expect(await bed.view<StatusView>('status')).toMatchObject({
      node: '10.0.1.11',
      revision: 1,
      generation: 1,
      source: 'torii.yaml',
      vips: { total: 1, announced: 1 },
      backends: { total: 2, usable: 2 },
    });
  });
});

describe('the password of a peer', () => {
  it('is told to main, also when it alone has changed, and in no view or change', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'torii-service-'));
    try {
      const file = join(directory, 'bgp.key');
      const peers = [{ address: '10.0.1.1', as: 65000, password: { file } }];
      const document = documentOf({ node: { bgp: { localAs: 65010, peers } } });
      const bed = new Bed();
      writeFileSync(file, 'hunter2');
      expect((await bed.start(document)).node?.speaker?.peers[0]?.password).toBe('hunter2');
      writeFileSync(file, 'hunter3');
      const reloaded = bed.reload(document);
      const { node, changes } = await bed.adopt();
      expect(node?.speaker?.peers[0]?.password).toBe('hunter3');
      expect(changes).toEqual(['node.bgp.peers: password of 10.0.1.1 changed']);
      expect(await reloaded).toMatchObject({ changes });
      const shown = [await bed.view('status'), await bed.view('vips'), bed.keeper.lastGood, changes];
      expect(JSON.stringify(shown)).not.toContain('hunter');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('a page of flows', () => {
  const query = { vip: null, backend: null, source: null, limit: 100, from: 0 };
  const page = { flows: [], next: 7 };
  const asked = async (bed: Bed, step: () => boolean): Promise<unknown> => {
    bed.compiler.search = { step, view: () => page };
    const bytes = await bed.ask<'flows'>({ kind: 'flows', query });
    return JSON.parse(Buffer.from(bytes).toString());
  };

  it('is looked through in turns, between which others are answered', async () => {
    const bed = new Bed();
    await bed.start(text);
    let isChanged = false;
    let steps = 0;
    const answer = asked(bed, () => {
      steps++;
      return !isChanged;
    });
    expect(await bed.view<VipView[]>('vips')).toHaveLength(1);
    await new Promise(setImmediate);
    expect(await bed.view<VipView[]>('vips')).toHaveLength(1);
    isChanged = true;
    expect(await answer).toEqual(page);
    expect(steps).toBeGreaterThan(1);
  });

  it('is refused when the service ends meanwhile', async () => {
    const bed = new Bed();
    await bed.start(text);
    const answer = codeOf(asked(bed, () => true));
    bed.service.take({ kind: 'close' });
    expect(await answer).toBe('not_ready');
  });

  it('that cannot be looked through to its end is an error, not silence', async () => {
    const bed = new Bed();
    await bed.start(text);
    const broken = (): never => {
      throw new Error('broken');
    };
    expect(await codeOf(asked(bed, broken))).toBe('internal');
  });
});
