// What the config worker does with each message: documents, operators' words, observations, views. Holds the Store and
// the Planner; the thread around it is config-worker.ts, so that tests can talk to it directly.
//
// A document that cannot be taken changes nothing, is counted and shown in `torii status`. An operator's word is on disk
// before it is answered; a disk that refuses is a warning, since a drain matters more than its survival.

import { refuseOther } from '../config/last-good.ts';
import { messageOf, ToriiError } from '../errors.ts';
import { makeDirectory } from '../metrics/directory.ts';
import type { Desired } from '../model/desired.ts';
import { parseFlow } from '../model/flow.ts';
import type { FlowQuery, StatusView } from '../model/views.ts';
import { admitDocument, isSameDocument, loadDocument } from './documents.ts';
import type { AppliedReply, BootReply, FromConfig, Request, ToConfig } from './messages.ts';
import { nextExpiryMs, noOverrides } from './overrides.ts';
import { withPasswords } from './peer-passwords.ts';
import { type Applied, Planner, type Waiter } from './planner.ts';
import type { Compiler, Counters, Keeper, LastGood } from './ports.ts';
import { type Intent, type LoadedDocument, Store } from './store.ts';
import { views } from './views.ts';

/** Timers reach 24 days at most; an override may last longer. */
const maxTimerMs = 3_600_000;

export interface ConfigServiceParams {
  readonly keeper: Keeper;
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  readonly startedAtMs: number;
  readonly emit: (message: FromConfig, transfer?: readonly ArrayBuffer[]) => void;
  /** Opens this thread's view of an engine. */
  readonly openPath: (engine: number) => { readonly compiler: Compiler; readonly counters: Counters };
}

export class ConfigService {
  readonly #params: ConfigServiceParams;
  readonly #store = new Store();
  readonly #planner: Planner;
  #path: { readonly compiler: Compiler; readonly counters: Counters } | null = null;
  #generation = 0;
  #appliedAtMs: number | null = null;
  #applyMs: number | null = null;
  #lastError: StatusView['lastError'] = null;
  #diskTrouble: string | null;
  #expiry: NodeJS.Timeout | undefined;
  #savedDocument: LoadedDocument | null = null;

  constructor(params: ConfigServiceParams) {
    this.#params = params;
    this.#diskTrouble = params.keeper.trouble;
    if (this.#diskTrouble !== null) params.emit({ kind: 'log', level: 'warn', message: this.#diskTrouble });
    this.#planner = new Planner({
      store: this.#store,
      emit: params.emit,
      now: () => performance.now(),
      onApplied: (applied, generation, applyMs) => this.#onApplied(applied, generation, applyMs),
      onTakenBack: (intent) => this.#saveWords(intent),
    });
  }

  take(message: ToConfig): void {
    if (!('id' in message)) return this.#note(message);
    try {
      this.#answer(message);
    } catch (error) {
      this.#fail(message.id, error);
    }
  }

  #note(message: Exclude<ToConfig, Request>): void {
    switch (message.kind) {
      case 'packetPath':
        this.#path = message.engine === null ? null : this.#params.openPath(message.engine);
        return this.#planner.usePacketPath(this.#path?.compiler ?? null);
      case 'health':
        this.#store.observeHealth(message.reports);
        return this.#planner.changed('observed');
      case 'nextHops':
        this.#store.observeNextHops(message.hops);
        return this.#planner.changed('observed');
      case 'devices':
        this.#store.observeDevices(message.devices);
        return this.#planner.changed('observed');
      case 'adopted':
        return this.#planner.adopted(message.compile, message.generation);
      case 'refused':
        return this.#planner.refused(message.compile, message.message);
      case 'unreadable':
        return this.#remember(message.message);
      case 'close':
        this.#path = null;
        clearTimeout(this.#expiry);
        return this.#planner.close();
    }
  }

  #answer(request: Request): void {
    switch (request.kind) {
      case 'boot':
        return this.#reply(request.id, this.#boot(request));
      case 'document':
        return this.#replaceDocument(request);
      case 'change':
        this.#saveWords(this.#store.change({ ...request, nowMs: Date.now() }));
        return this.#planner.changed('word', this.#waiter(request.id));
      case 'read':
        return this.#read(request);
      case 'explain':
        return this.#explain(request.id, request.flow);
      case 'flows':
        return this.#flows(request.id, request.query);
    }
  }

  #boot({ source, text }: Extract<Request, { kind: 'boot' }>): BootReply {
    const { lastGood, words } = this.#params.keeper;
    let document: LoadedDocument;
    let fallback: BootReply['fallback'] = null;
    try {
      if (typeof text !== 'string') throw new ToriiError(text.code, text.message);
      document = loadDocument(source, text, this.#params);
    } catch (cause) {
      if (lastGood === undefined) throw cause;
      const problem = messageOf(cause);
      if (typeof text !== 'string' && text.isMissing) refuseOther(source, lastGood, problem);
      this.#remember(problem);
      document = loadLastGood(lastGood, this.#params.env);
      fallback = { problem, source: document.source };
    }
    const known = Math.max(lastGood?.revision ?? 0, words?.revision ?? 0);
    const isKnown = lastGood?.text === document.text;
    const intent = this.#store.start(isKnown ? known : known + 1, document, words?.overrides ?? noOverrides);
    if (isKnown) this.#savedDocument = document;
    this.#store.expire(Date.now());
    this.#armExpiry();
    this.#planner.changed('document', { done: () => undefined, failed: (failure) => this.#onFirstRefused(document, failure) });
    // With them: the speaker dials and listens before the first outcome comes, and not for a moment unsigned.
    const node = withPasswords(document.config.node, document.peerPasswords);
    return { revision: intent.revision, node, fallback };
  }

  /** The document parses, but cannot be put in force: the last good one can, unless this machine was set up otherwise by now. */
  #onFirstRefused(document: LoadedDocument, error: ToriiError): void {
    const { lastGood } = this.#params.keeper;
    const dead = ({ code, message }: ToriiError): void => this.#params.emit({ kind: 'dead', code, message });
    if (lastGood === undefined || lastGood.text === document.text) return dead(error);
    this.#remember(error.message);
    try {
      const good = loadLastGood(lastGood, this.#params.env);
      admitDocument(document, good, true);
      this.#store.replaceDocument(good);
      this.#savedDocument = good;
    } catch {
      return dead(error);
    }
    const message = `the document cannot be put in force; starting with the last good one: ${error.message}`;
    this.#params.emit({ kind: 'log', level: 'error', message });
    this.#planner.changed('document', { done: () => undefined, failed: dead });
  }

  #replaceDocument({ id, source, text, force }: Extract<Request, { kind: 'document' }>): void {
    const current = this.#store.intent;
    if (current === null) throw new ToriiError('not_ready', 'no document is applied yet');
    try {
      const document = loadDocument(source, text, { env: this.#params.env, before: current.document });
      if (isSameDocument(current.document, document)) {
        this.#lastError = null;
        return this.#reply(id, { revision: current.revision, changes: [] });
      }
      admitDocument(current.document, document, force);
      this.#store.replaceDocument(document);
    } catch (error) {
      this.#remember(messageOf(error));
      throw error;
    }
    const waiter = this.#waiter(id);
    this.#planner.changed('document', {
      done: (reply) => {
        this.#lastError = null;
        waiter.done(reply);
      },
      failed: (error) => {
        this.#remember(error.message);
        waiter.failed(error);
      },
    });
  }

  #read({ id, resource, facts }: Extract<Request, { kind: 'read' }>): void {
    const { newest, applied } = this.#planner;
    if (newest === null) throw new ToriiError('not_ready', 'no document is applied yet');
    const { version, startedAtMs, emit } = this.#params;
    const view = views[resource]({
      facts,
      newest,
      applied,
      counters: this.#path?.counters ?? null,
      compiler: this.#path?.compiler ?? null,
      version,
      startedAtMs,
      generation: this.#generation,
      appliedAtMs: this.#appliedAtMs,
      applyMs: this.#applyMs,
      lastError: this.#lastError,
      warnings: this.#diskTrouble === null ? [] : [this.#diskTrouble],
    });
    const value = new TextEncoder().encode(JSON.stringify(view));
    emit({ kind: 'reply', id, value }, [value.buffer]);
  }

  #explain(id: number, text: string): void {
    const flow = parseFlow(text);
    if (flow === undefined)
      throw new ToriiError('bad_request', `expected a flow like "tcp 198.51.100.7:40000 203.0.113.10:80", got ${text}`);
    const { compiler, desired } = this.#forwarding();
    this.#reply(id, compiler.explain(flow, desired));
  }

  /** Step by step: a change that comes meanwhile waits for a step, not for the page. */
  #flows(id: number, query: FlowQuery): void {
    const { compiler, desired } = this.#forwarding();
    const search = compiler.flows(query, desired);
    const goOn = (): void => {
      try {
        if (this.#path?.compiler !== compiler) throw new ToriiError('not_ready', 'torii is stopping');
        if (search.step()) return void setImmediate(goOn);
        const value = new TextEncoder().encode(JSON.stringify(search.view()));
        this.#params.emit({ kind: 'reply', id, value }, [value.buffer]);
      } catch (error) {
        this.#fail(id, error);
      }
    };
    goOn();
  }

  /** What is in force on a node that forwards. */
  #forwarding(): { readonly compiler: Compiler; readonly desired: Desired } {
    const { applied } = this.#planner;
    if (applied === null) throw new ToriiError('not_ready', 'no document is applied yet');
    if (this.#path === null) throw new ToriiError('not_here', 'this node forwards nothing: node.devices is empty');
    return { compiler: this.#path.compiler, desired: applied.desired };
  }

  #onApplied(applied: Applied, generation: number, applyMs: number): void {
    const { emit } = this.#params;
    this.#generation = generation;
    this.#appliedAtMs = Date.now();
    this.#applyMs = applyMs;
    const { intent, desired, draft } = applied;
    const directory = makeDirectory({ desired, generation, indices: draft?.indices ?? null, tables: draft?.tables ?? new Map() });
    const json = new TextEncoder().encode(JSON.stringify(directory));
    const maintenance = [...intent.overrides.values()].some(({ kind }) => kind === 'maintenance');
    const { revision, overrides } = intent;
    emit({ kind: 'applied', revision, generation, applyMs, overrides: overrides.size, maintenance });
    emit({ kind: 'directory', json }, [json.buffer]);
    this.#saveDocument(intent);
    this.#armExpiry();
  }

  #saveDocument({ revision, document }: Intent): void {
    if (document === this.#savedDocument) return;
    this.#save(() => this.#params.keeper.saveLastGood({ revision, source: document.source, text: document.text }));
    this.#savedDocument = document;
  }

  #saveWords({ revision, overrides }: Intent): void {
    this.#save(() => this.#params.keeper.saveWords({ revision, overrides }));
    this.#armExpiry();
  }

  #save(write: () => void): void {
    try {
      write();
      this.#diskTrouble = null;
    } catch (error) {
      const before = this.#diskTrouble;
      const what = 'what operators say and the last good document are forgotten at a restart';
      const next = 'name a directory that this user may write in STATE_DIRECTORY';
      this.#diskTrouble = `the state directory cannot be written, so ${what}: ${messageOf(error)}; ${next}`;
      if (this.#diskTrouble !== before) this.#params.emit({ kind: 'log', level: 'warn', message: this.#diskTrouble });
    }
  }

  #armExpiry(): void {
    clearTimeout(this.#expiry);
    const overrides = this.#store.intent?.overrides;
    const next = overrides === undefined ? null : nextExpiryMs(overrides);
    if (next === null) return;
    this.#expiry = setTimeout(() => this.#expire(), Math.max(1, Math.min(maxTimerMs, next - Date.now())));
  }

  #expire(): void {
    if (this.#store.expire(Date.now()) && this.#store.intent !== null) {
      this.#saveWords(this.#store.intent);
      this.#planner.changed('observed');
    } else this.#armExpiry();
  }

  #remember(message: string): void {
    this.#lastError = { at: new Date().toISOString(), message };
  }

  #waiter(id: number): Waiter {
    return { done: (reply: AppliedReply) => this.#reply(id, reply), failed: (error) => this.#fail(id, error) };
  }

  #reply(id: number, value: unknown): void {
    this.#params.emit({ kind: 'reply', id, value });
  }

  #fail(id: number, error: unknown): void {
    const known = error instanceof ToriiError ? error : new ToriiError('internal', messageOf(error), { cause: error });
    this.#params.emit({ kind: 'failure', id, code: known.code, message: known.message, detail: known.detail });
  }
}

function loadLastGood({ source, text }: LastGood, env: NodeJS.ProcessEnv): LoadedDocument {
  return loadDocument(`last good document of ${source}`, text, { env });
}
