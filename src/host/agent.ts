// The host agent: makes this machine a backend of Torii, follows the document, and when it stops leaves an ordinary
// machine behind.
//
// What it changes is written down before it is done (undo-record.ts). A run that was killed is taken over, not undone
// and done again, so that restarting the agent breaks no connection. A document that cannot be applied leaves the
// earlier one in force; at start, the last good one on disk. What somebody else takes away meanwhile is put back: an
// unused VIP on a backend is noticed by nobody until it is needed. Runs on the main thread of `torii host`.

import { join } from 'node:path';
import { isMissing } from '../config/file-source.ts';
import { type LastGood, readLastGood, refuseOther, writeLastGood } from '../config/last-good.ts';
import { parseOrThrow } from '../config/parse.ts';
import type { ConfigSource } from '../config/source.ts';
import { messageOf, ToriiError } from '../errors.ts';
import { claimMachine } from './claim.ts';
import { type HostIntent, hostIntent, prefixText } from './intent.ts';
import { type Applied, Machine } from './machine.ts';

/** What the agent needs of a logger; pino's fits. */
export interface HostLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface HostAgentParams {
  readonly source: ConfigSource;
  /** What survives a crash lies in its subdirectory `host`. */
  readonly stateDirectory: string;
  /** Directory of the native build: decap_load and bpf/decap.o. */
  readonly nativeDirectory: string;
  readonly log: HostLog;
  /** How often it looks whether all is still in place. */
  readonly lookIntervalMs?: number;
}

const lookIntervalMs = 10_000;

export interface HostStatus {
  readonly outer: readonly string[];
  readonly devices: readonly string[];
  readonly vips: readonly string[];
  /** Why the present document is not in force; null when it is. */
  readonly lastError: { readonly at: string; readonly message: string } | null;
}

export interface HostAgent {
  /** As after a change of the document: reads and applies it. On error logs it and resolves to false. */
  reload(): Promise<boolean>;
  status(): HostStatus;
  /** Undoes everything. */
  close(): Promise<void>;
}

/** Resolves once this machine is a backend, then follows the document. Rejects, with everything undone, if it can't be, and
 * with address_in_use where another agent lives. */
export async function runHostAgent(params: HostAgentParams): Promise<HostAgent> {
  // Before anything is read that another agent may be writing.
  const release = await claimMachine();
  const agent = new Agent(params, release);
  try {
    await agent.start();
  } catch (error) {
    await agent.close();
    throw error;
  }
  return agent;
}

class Agent implements HostAgent {
  readonly #params: HostAgentParams;
  readonly #directory: string;
  readonly #machine: Machine;
  readonly #release: () => void;
  #status: HostStatus = { outer: [], devices: [], vips: [], lastError: null };
  /** Applying and closing one after the other, in the order they were asked for. */
  #queue: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  #unwatch = () => {};
  #intent: HostIntent | undefined;
  #lookTimer: NodeJS.Timeout | undefined;
  /** What the latest look failed of; said once. */
  #trouble: string | undefined;

  constructor(params: HostAgentParams, release: () => void) {
    this.#release = release;
    const { stateDirectory, nativeDirectory, log } = params;
    this.#params = params;
    this.#directory = join(stateDirectory, 'host');
    const programs = { loader: join(nativeDirectory, 'decap_load'), object: join(nativeDirectory, 'bpf/decap.o') };
    this.#machine = new Machine(this.#directory, programs);
    const vips = this.#machine.leftovers();
    if (vips.length > 0) log.warn({ vips }, 'taking over from a run that did not end in order');
  }

  status(): HostStatus {
    return this.#status;
  }

  async start(): Promise<void> {
    // Watching comes first, or a change while this one is being applied would go unnoticed.
    this.#unwatch = this.#params.source.watch(() => void this.#reload({ isAsked: false }));
    await this.#inTurn(async () => this.#apply(await this.#readOrLastGood()));
    // Also what keeps the process alive: watching a file does not.
    this.#lookTimer = setInterval(() => void this.#look(), this.#params.lookIntervalMs ?? lookIntervalMs);
  }

  reload(): Promise<boolean> {
    return this.#reload({ isAsked: true });
  }

  #reload({ isAsked }: { readonly isAsked: boolean }): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#isClosed) return false;
      try {
        await this.#apply(await this.#read());
        this.#status = { ...this.#status, lastError: null };
        return true;
      } catch (error) {
        this.#note(error, 'document not applied, the earlier one stays', isAsked);
        return false;
      }
    });
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#unwatch();
      clearInterval(this.#lookTimer);
      if (this.#machine.isTouched) {
        const problems = await this.#machine.undo();
        for (const problem of problems) this.#params.log.error({}, `could not undo: ${problem}`);
        this.#params.log.info({}, 'this machine is no backend any more');
      }
      this.#release();
    });
  }

  async #read(): Promise<LastGood> {
    const { name: source } = this.#params.source;
    return { source, ...(await this.#params.source.read()) };
  }

  /** At start a broken document must not cost a backend its VIPs: the one that was good before will do. */
  async #readOrLastGood(): Promise<LastGood> {
    try {
      const document = await this.#read();
      parseOrThrow(document.text, document.source);
      return document;
    } catch (error) {
      const lastGood = readLastGood(this.#directory);
      if (lastGood === undefined) throw error;
      if (isMissing(error)) refuseOther(this.#params.source.name, lastGood, messageOf(error));
      this.#note(error, `starting with the last good document of ${lastGood.source}`, true);
      return lastGood;
    }
  }

  async #apply(document: LastGood): Promise<void> {
    // Its warnings are about balancing: the balancers say them.
    const { config } = parseOrThrow(document.text, document.source);
    const intent = hostIntent(config);
    const applied = await this.#machine.apply(intent);
    this.#intent = intent;
    writeLastGood(this.#directory, document);
    this.#tell(intent, applied);
  }

  /** Puts back what is missing. */
  #look(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isClosed || this.#intent === undefined) return;
      const { log } = this.#params;
      try {
        const missing = await this.#machine.missing(this.#intent);
        this.#trouble = undefined;
        if (missing.length === 0) return;
        log.warn({ missing }, 'somebody else changed this machine; putting it right');
        this.#tell(this.#intent, await this.#machine.apply(this.#intent));
      } catch (error) {
        const message = messageOf(error);
        if (message !== this.#trouble)
          log.error(particularsOf(error), `this machine is not a proper backend at the moment: ${message}`);
        this.#trouble = message;
      }
    });
  }

  #tell(intent: HostIntent, { devices, added, removed, sysctls, advices, absent }: Applied): void {
    const { log } = this.#params;
    const { outer } = intent;
    const vips = intent.vips.map(prefixText);
    this.#status = { ...this.#status, outer, devices, vips };
    const settings = sysctls.map(({ name, before, set }) => `${name}: ${before} -> ${set}`);
    log.info({ outer, devices, vips, added, removed, settings }, 'this machine is a backend');
    for (const advice of advices) log.warn({}, `large requests may not fit with the balancers' outer header: ${advice}`);
    if (absent.length > 0)
      log.warn(
        { absent },
        `no interface here carries ${absent.join(' or ')}, as node.address says: what is sent there goes elsewhere`,
      );
    if (vips.length === 0) log.warn({ outer }, 'no pool with VIPs has a backend of this address: nothing will arrive');
  }

  /** `isAsked`: said again to whoever asked again. */
  #note(error: unknown, consequence: string, isAsked: boolean): void {
    const message = messageOf(error);
    const isNews = this.#status.lastError?.message !== message;
    this.#status = { ...this.#status, lastError: { at: new Date().toISOString(), message } };
    if (isNews || isAsked) this.#params.log.error(particularsOf(error), `${consequence}: ${message}`);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}

/** A stack only for what nobody foresaw. */
function particularsOf(error: unknown): object {
  return error instanceof ToriiError ? { code: error.code } : { err: error };
}
