// A config service with the test as its main thread: what the tests of its documents, routes and retries start from.

import { ConfigService } from '../../../src/control/config-service.ts';
import type { FromConfig, NodeFacts, Outcome, ReplyOf, Request } from '../../../src/control/messages.ts';
import type { Compiler, Counters, Draft, FlowSearch, Keeper, LastGood, SavedWords } from '../../../src/control/ports.ts';
import { decodeRoutes } from '../../../src/control/route-lines.ts';
import { ToriiError } from '../../../src/errors.ts';
import type { Desired } from '../../../src/model/desired.ts';
import type { Advertisement } from '../../../src/model/peer.ts';
import { configOf, documentOf, observedOf, webVip } from './world.ts';

export const facts: NodeFacts = {
  ready: true,
  blocked: null,
  unheard: { 4: null, 6: null },
  heldDown: [],
  peers: { total: 0, established: 0 },
  engine: 'memory',
  devices: [],
  workers: [],
  flowCapacity: 0,
  warnings: [],
};
export const counters: Counters = {
  verdicts: [],
  workers: () => [],
  queues: () => [],
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
  search: FlowSearch | null = null;

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

  flows(): FlowSearch {
    if (this.search === null) throw new Error('not asked here');
    return this.search;
  }
}

/** A service with the test as its main thread. */
export class Bed {
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
    await this.ask<'boot'>({ kind: 'boot', source: 'torii.yaml', text });
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
export const routesIn = ({ routes }: Outcome): readonly string[] =>
  decodeRoutes(routes).map(({ text: route }) => (JSON.parse(route) as Advertisement).prefix);
export const text = documentOf();
export const twoVips = documentOf({ vips: [webVip, { ...webVip, address: '203.0.113.11' }] });
export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error as ToriiError).code,
  );
export const down = {
  '10.0.2.21': { health: 'down' as const, reason: 'tcp 80: connection refused' },
  '10.0.2.22': { health: 'down' as const, reason: 'timed out' },
};
