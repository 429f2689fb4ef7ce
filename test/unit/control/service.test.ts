import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigService } from '../../../src/control/config-service.ts';
import type { FromConfig, NodeFacts, Outcome, ReplyOf, Request } from '../../../src/control/messages.ts';
import { graceMs, retryMs } from '../../../src/control/planner.ts';
import type { Compiler, Counters, Draft, Keeper, LastGood, SavedWords } from '../../../src/control/ports.ts';
import { decodeRoutes } from '../../../src/control/route-lines.ts';
import { ToriiError } from '../../../src/errors.ts';
import type { Desired } from '../../../src/model/desired.ts';
import type { Advertisement } from '../../../src/model/peer.ts';
import type { StatusView, VipView } from '../../../src/model/views.ts';
import { configOf, documentOf, observedOf, webVip } from './world.ts';

const facts: NodeFacts = {
  ready: true,
  blocked: null,
  unheard: { 4: null, 6: null },
  heldDown: [],
  peers: { total: 0, established: 0 },
  engine: 'memory',
  workerDevices: [],
  flowCapacity: 0,
  warnings: [],
};
const counters: Counters = {
  verdicts: [],
  workers: () => [],
  vip: () => ({ bytesIn: 0, bytesOut: 0, newFlows: 0, verdicts: [] }),
  backend: () => ({ packets: 0, bytesIn: 0, bytesOut: 0, newFlows: 0, resteered: 0, unreachable: 0 }),
  tenant: () => ({ admitted: 0, limited: 0 }),
};

class MemoryKeeper implements Keeper {
  lastGood: LastGood | undefined;
  words: SavedWords | undefined;
  readonly trouble = null;

  saveLastGood(lastGood: LastGood): void {
    this.lastGood = lastGood;
  }

  saveWords(words: SavedWords): void {
    this.words = words;
  }
}

/** Compiles to one byte and remembers what it was given; refuses where told to. */
class RecordingCompiler implements Compiler {
  readonly drafted: Desired[] = [];
  kept = 0;
  refuse = (_desired: Desired): boolean => false;

  draft(desired: Desired): Draft {
    if (this.refuse(desired)) throw new ToriiError('capacity', 'the tables are too small');
    this.drafted.push(desired);
    const names = desired.vips.map(({ name }, i) => [name, { index: i + 1 }] as const);
    return {
      snapshot: new Uint8Array(64),
      indices: { vips: new Map(names), backends: new Map(), tenants: new Map() },
      tables: new Map(),
    };
  }

  keep(): void {
    this.kept++;
  }

  slotCounts(): undefined {
    return undefined;
  }

  explain(): never {
    throw new Error('not asked here');
  }

  flows(): never {
    throw new Error('not asked here');
  }
}

/** A service with the test as its main thread. */
class Bed {
  readonly compiler = new RecordingCompiler();
  readonly keeper: MemoryKeeper;
  readonly events: FromConfig[] = [];
  readonly service: ConfigService;
  #generation = 0;
  #id = 0;
  readonly #sleepers = new Set<() => void>();

  constructor(keeper = new MemoryKeeper()) {
    this.keeper = keeper;
    this.service = new ConfigService({
      keeper,
      env: { BGP_KEY: 'hunter2' },
      version: '0',
      startedAtMs: 0,
      emit: (message) => {
        this.events.push(message);
        for (const wake of this.#sleepers) wake();
        this.#sleepers.clear();
      },
      openPath: () => ({ compiler: this.compiler, counters }),
    });
  }

  /** The first event that is wanted, past or to come; it is taken out. */
  async #take<Event extends FromConfig>(isWanted: (event: FromConfig) => event is Event): Promise<Event> {
    for (;;) {
      const event = this.events.find(isWanted);
      if (event !== undefined) {
        this.events.splice(this.events.indexOf(event), 1);
        return event;
      }
      await new Promise<void>((resolve) => {
        this.#sleepers.add(resolve);
      });
    }
  }

  next<Kind extends FromConfig['kind']>(kind: Kind): Promise<Extract<FromConfig, { kind: Kind }>> {
    return this.#take((event): event is Extract<FromConfig, { kind: Kind }> => event.kind === kind);
  }

  async ask<Kind extends Request['kind']>(request: Omit<Extract<Request, { kind: Kind }>, 'id'>): Promise<ReplyOf<Kind>> {
    const id = ++this.#id;
    this.service.take({ ...request, id } as unknown as Request);
    type Answer = Extract<FromConfig, { kind: 'reply' | 'failure' }>;
    const answer = await this.#take(
      (event): event is Answer => (event.kind === 'reply' || event.kind === 'failure') && event.id === id,
    );
    if (answer.kind === 'failure') throw new ToriiError(answer.code, answer.message, { detail: answer.detail });
    return answer.value as ReplyOf<Kind>;
  }

  async adopt(): Promise<Outcome> {
    const { outcome } = await this.next('outcome');
    this.service.take({ kind: 'adopted', compile: outcome.compile, generation: ++this.#generation });
    await this.next('applied');
    return outcome;
  }

  observe(text: string, health: Parameters<typeof observedOf>[1] = {}): void {
    const observed = observedOf(configOf(text), health);
    this.service.take({ kind: 'devices', devices: [...observed.devices] });
    this.service.take({ kind: 'nextHops', hops: [...observed.nextHops] });
    this.service.take({
      kind: 'health',
      reports: [...observed.health].map(([key, { health: state, reason }]) => ({ key, health: state, reason })),
    });
  }

  /** Booted with everything up and adopted. */
  async start(text: string): Promise<Outcome> {
    await this.ask<'boot'>({ kind: 'boot', source: 'torii.yaml', text, error: null });
    this.observe(text);
    this.service.take({ kind: 'packetPath', engine: 0 });
    return this.adopt();
  }

  async view<View>(resource: 'vips' | 'status' | 'backends', more: Partial<NodeFacts> = {}): Promise<View> {
    const read = this.ask<'read'>({ kind: 'read', resource, facts: { ...facts, ...more } });
    return JSON.parse(Buffer.from(await read).toString()) as View;
  }

  change(change: Extract<Request, { kind: 'change' }>['change'], ifRevision: number | null = null) {
    return this.ask<'change'>({ kind: 'change', change, context: { by: 'alice', why: null, forSec: null, ifRevision } });
  }

  reload(text: string, force = false) {
    return this.ask<'document'>({ kind: 'document', source: 'torii.yaml', text, force });
  }
}

/** Those that an outcome tells anew. */
const routesIn = ({ routes }: Outcome): readonly string[] =>
  decodeRoutes(routes).map(({ text: route }) => (JSON.parse(route) as Advertisement).prefix);
const text = documentOf();
const twoVips = documentOf({ vips: [webVip, { ...webVip, address: '203.0.113.11' }] });
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error as ToriiError).code,
  );
const down = {
  '10.0.2.21': { health: 'down' as const, reason: 'tcp 80: connection refused' },
  '10.0.2.22': { health: 'down' as const, reason: 'timed out' },
};

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
    await expect(bed.reload(other)).rejects.toThrow(
      'node.devices: expected [{"name":"eth0","engine":"auto"}], as torii was started with, got [{"name":"eth1","engine":"auto"}]; ' +
        'restart torii to change it (torii.yaml:1)',
    );
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

  it('tries what was observed again, ever more seldom, until it is in force', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const bed = new Bed();
      await bed.start(text);
      let refusals = 0;
      bed.compiler.refuse = (desired) => desired.pools[0]?.backends[0]?.health === 'down' && ++refusals > 0;
      bed.observe(text, { '10.0.2.21': down['10.0.2.21'] });
      for (const [i, waitMs] of [retryMs.first, retryMs.first * 2, retryMs.first * 4].entries()) {
        expect((await bed.next('log')).message).toBe('not applied: the tables are too small');
        expect(refusals).toBe(i + 1);
        vi.advanceTimersByTime(waitMs - 1);
        await new Promise(setImmediate);
        expect(refusals).toBe(i + 1);
        vi.advanceTimersByTime(1);
      }
      await bed.next('log');
      bed.compiler.refuse = () => false;
      vi.advanceTimersByTime(retryMs.limit);
      await bed.adopt();
      expect(bed.compiler.drafted.at(-1)?.pools[0]?.backends[0]?.health).toBe('down');
    } finally {
      vi.useRealTimers();
    }
  });

  it('tries what native validation refused again, too', async () => {
    const bed = new Bed();
    await bed.start(text);
    bed.observe(text, { '10.0.2.21': down['10.0.2.21'] });
    const { outcome } = await bed.next('outcome');
    bed.service.take({ kind: 'refused', compile: outcome.compile, message: 'a worker has not adopted the generation before' });
    await bed.adopt();
    expect(bed.compiler.drafted.at(-1)?.pools[0]?.backends[0]?.health).toBe('down');
  });

  it('does not spin when the end of an override cannot be put in force', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    try {
      const bed = new Bed();
      await bed.start(text);
      const context = { by: 'alice', why: null, forSec: 60, ifRevision: null };
      const answer = bed.ask<'change'>({ kind: 'change', change: { kind: 'maintenance', value: true }, context });
      await bed.adopt();
      await answer;
      let refusals = 0;
      bed.compiler.refuse = () => ++refusals > 0;
      vi.advanceTimersByTime(60_000);
      await bed.next('log');
      for (let i = 0; i < 100; i++) {
        vi.advanceTimersByTime(2);
        await new Promise(setImmediate);
      }
      expect(refusals).toBe(1);
      bed.compiler.refuse = () => false;
      vi.advanceTimersByTime(retryMs.first);
      expect(routesIn(await bed.adopt())).toEqual(['203.0.113.10/32']);
      expect(await bed.view<StatusView>('status')).toMatchObject({ overrides: [] });
    } finally {
      vi.useRealTimers();
    }
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

  it('starts with the last good document when the source is broken or gone', async () => {
    const first = new Bed();
    await first.start(text);
    for (const [source, error] of [
      ['version: nonsense', null],
      [null, 'no such file'],
    ] as const) {
      const second = new Bed(first.keeper);
      const reply = await second.ask<'boot'>({ kind: 'boot', source: 'torii.yaml', text: source, error });
      expect(reply.revision).toBe(1);
      expect(reply.fallback).toBe(error ?? 'version: expected version 1, got "nonsense" (torii.yaml:1)');
      expect(reply.node.address).toBe('10.0.1.11');
    }
  });

  it('starts with the last good document when the new one parses but cannot be put in force', async () => {
    const first = new Bed();
    await first.start(text);
    const boot = async (): Promise<Bed> => {
      const bed = new Bed(first.keeper);
      await bed.ask<'boot'>({ kind: 'boot', source: 'torii.yaml', text: twoVips, error: null });
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
    const boot = new Bed().ask<'boot'>({ kind: 'boot', source: 'torii.yaml', text: 'version: 7', error: null });
    expect(await codeOf(boot)).toBe('config_invalid');
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
      { prefix: b, usesPath: false, text: JSON.stringify({ prefix: b, policy: {}, blackhole: true }) },
    ]);
    expect(bed.compiler.drafted.at(-1)?.vips.map(({ name }) => name)).toHaveLength(2);
    expect(await bed.view<VipView[]>('vips')).toMatchObject([
      { state: 'announced', reason: 'announced as 203.0.113.0/28' },
      { state: 'blackhole' },
    ]);
    expect(await bed.view<StatusView>('status')).toMatchObject({ vips: { total: 2, announced: 1 } });
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
    const { node } = await new Bed().ask<'boot'>({ kind: 'boot', source: 'torii.yaml', text: signed, error: null });
    expect(node.speaker?.peers).toMatchObject([{ address: '10.0.1.1', password: 'hunter2' }]);
  });

  it('says that a VIP waits for the workers, then that it is announced', async () => {
    const bed = new Bed();
    await bed.ask<'boot'>({ kind: 'boot', source: 'torii.yaml', text, error: null });
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
