import { describe, expect, it } from 'vitest';
import type { StatusView, VipView } from '../../../src/model/views.ts';
import { Bed, codeOf, routesIn, text, twoVips } from './service-bed.ts';
import { documentOf } from './world.ts';

describe('the config worker, of a document,', () => {
  it('remembers what operators said over a restart, with a revision that goes on', async () => {
    const first = new Bed();
    await first.start(text);
    const answer = first.change({ kind: 'state', target: '10.0.2.21', value: 'disabled' });
    await first.adopt();
    await answer;
    const second = new Bed(first.keeper);
    await second.start(text);
    expect(second.compiler.drafted[0]).toMatchObject({ revision: 2 });
    expect(second.compiler.drafted[0]?.pools[0]?.backends[0]?.state).toBe('disabled');
  });

  it('keeps the old document when the new one is broken or would lose too much, and says so', async () => {
    const bed = new Bed();
    await bed.start(twoVips);
    expect(await codeOf(bed.reload('version: 2'))).toBe('config_invalid');
    expect((await bed.view<StatusView>('status')).lastError?.message).toBe('version: expected version 1, got 2 (torii.yaml:1)');
    const empty = documentOf({ vips: [] });
    expect(await codeOf(bed.reload(empty))).toBe('config_guarded');
    expect(await bed.view<VipView[]>('vips')).toHaveLength(2);
    const answer = bed.reload(empty, true);
    await bed.adopt();
    expect((await answer).changes).toContain('VIP 203.0.113.10:80/tcp: removed');
  });

  it('refuses a document that needs a restart', async () => {
    const bed = new Bed();
    await bed.start(text);
    const other = documentOf({ node: { devices: [{ name: 'eth1' }] } });
    await expect(bed.reload(other)).rejects.toMatchObject({
      code: 'restart_needed',
      message:
        'node.devices: expected [{"name":"eth0","engine":"auto","busyPoll":false}], as torii was started with, got [{"name":"eth1","engine":"auto","busyPoll":false}]; ' +
        'restart torii to change it (torii.yaml:1)',
    });
  });

  it('tells what changes of this machine, old and new', async () => {
    const bed = new Bed();
    await bed.start(text);
    const answer = bed.reload(documentOf({ node: { address: '10.0.1.12', logs: { level: 'debug' } } }));
    await bed.adopt();
    expect((await answer).changes).toEqual(['node.address: 10.0.1.11 → 10.0.1.12', 'node.logs.level: info → debug']);
  });

  it('answers an equal document with the same revision and no changes', async () => {
    const bed = new Bed();
    await bed.start(text);
    expect(await bed.reload(text)).toEqual({ revision: 1, changes: [] });
  });

  it('takes a document back that cannot be compiled, and its routes return', async () => {
    const bed = new Bed();
    await bed.start(twoVips);
    bed.compiler.refuse = (desired) => desired.vips.length === 2 && desired.revision === 2;
    expect(await codeOf(bed.reload(text))).toBe('capacity');
    const outcome = await bed.adopt();
    expect(routesIn(outcome)).toEqual(['203.0.113.10/32', '203.0.113.11/32']);
    expect(outcome.revision).toBe(1);
    expect(bed.keeper.lastGood?.text).toBe(twoVips);
  });

  it('takes back what native validation refuses', async () => {
    const bed = new Bed();
    await bed.start(twoVips);
    const answer = bed.reload(text);
    const { outcome } = await bed.next('outcome');
    bed.service.take({ kind: 'refused', compile: outcome.compile, message: 'a section reaches beyond the snapshot' });
    expect(await codeOf(answer)).toBe('snapshot_invalid');
    expect(routesIn(await bed.adopt())).toEqual(['203.0.113.10/32', '203.0.113.11/32']);
  });

  it('starts with the last good document when the source is broken or gone', async () => {
    const first = new Bed();
    await first.start(text);
    const gone = { code: 'config_unreadable', message: 'no such file', isMissing: true } as const;
    for (const [source, problem] of [
      ['version: nonsense', 'version: expected version 1, got "nonsense" (torii.yaml:1)'],
      [gone, gone.message],
    ] as const) {
      const second = new Bed(first.keeper);
      const reply = await second.ask<'boot'>({ kind: 'boot', source: 'torii.yaml', text: source });
      expect(reply.revision).toBe(1);
      expect(reply.fallback).toEqual({
        problem,
        source: 'last good document of torii.yaml',
      });
      expect(reply.node.address).toBe('10.0.1.11');
    }
  });

  it('starts with the last good document of another file when its own is broken or unreachable, but not when it is not there', async () => {
    const first = new Bed();
    await first.start(text);
    const boot = (isMissing: boolean) =>
      new Bed(first.keeper).ask<'boot'>({
        kind: 'boot',
        source: 'tori.yaml',
        text: { code: 'config_unreadable', message: 'cannot read tori.yaml', isMissing },
      });
    expect((await boot(false)).fallback?.source).toBe('last good document of torii.yaml');
    await expect(boot(true)).rejects.toMatchObject({
      code: 'config_unreadable',
      message: 'cannot read tori.yaml; the last good document is of torii.yaml, so it is not taken',
    });
  });

  it('starts with the last good document when the new one parses but cannot be put in force', async () => {
    const first = new Bed();
    await first.start(text);
    const boot = async (): Promise<Bed> => {
      const bed = new Bed(first.keeper);
      await bed.ask<'boot'>({ kind: 'boot', source: 'torii.yaml', text: twoVips });
      bed.observe(text);
      return bed;
    };
    const second = await boot();
    second.compiler.refuse = (desired) => desired.vips.length === 2;
    second.service.take({ kind: 'packetPath', engine: 0 });
    expect(routesIn(await second.adopt())).toEqual(['203.0.113.10/32']);
    expect((await second.view<StatusView>('status')).lastError?.message).toBe('the tables are too small');
    const third = await boot();
    third.service.take({ kind: 'packetPath', engine: 0 });
    const { outcome } = await third.next('outcome');
    third.service.take({ kind: 'refused', compile: outcome.compile, message: 'a section reaches beyond the snapshot' });
    expect(routesIn(await third.adopt())).toEqual(['203.0.113.10/32']);
    const fourth = await boot();
    fourth.compiler.refuse = () => true;
    fourth.service.take({ kind: 'packetPath', engine: 0 });
    expect(await fourth.next('dead')).toMatchObject({ code: 'capacity' });
  });

  it('still knows the backends of the old document when the new one is refused', async () => {
    const bed = new Bed();
    await bed.start(twoVips);
    const other = documentOf({ pools: { web: { backends: ['10.0.2.31'] } } });
    const answer = bed.reload(other, true);
    const { outcome } = await bed.next('outcome');
    bed.service.take({ kind: 'refused', compile: outcome.compile, message: 'a section reaches beyond the snapshot' });
    expect(await codeOf(answer)).toBe('snapshot_invalid');
    await bed.adopt();
    expect(bed.compiler.drafted.at(-1)?.pools[0]?.backends.map(({ health }) => health)).toEqual(['up', 'up']);
  });

  it('does not start without any good document', async () => {
    const boot = new Bed().ask<'boot'>({ kind: 'boot', source: 'torii.yaml', text: 'version: 7' });
    expect(await codeOf(boot)).toBe('config_invalid');
  });
});
