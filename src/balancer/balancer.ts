// The composition root of `torii balancer`: constructs the node out of its rooms, starts its threads, and takes it down
// in the right order. Main thread.
//
// Start: document, API, packet path, checks, BGP; ready once every worker has adopted the first tables. Sessions come up
// meanwhile; what nobody waits for (the API's application, metrics) is loaded after them. Stop: BGP withdraws
// gracefully while everything else goes on, its sessions end once traffic has gone, and forwarding after them. A config worker that dies of a
// defect is told to `onFatal`: its owner ends the process, BGP sessions close, and routers move the traffic at once.

import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type AuditEntry, auditText, reloadEntry } from '../api/context.ts';
import { type Api, startApi } from '../api/server.ts';
import type { NodeConfig } from '../config/config.ts';
import { FileSource, isMissing } from '../config/file-source.ts';
import { stateDirectory } from '../config/state-dir.ts';
import { isLoss } from '../control/diff.ts';
import type { BootReply, FromConfig, NodeFacts, Outcome } from '../control/messages.ts';
import { LiveNodeControl } from '../control/node-control.ts';
import type { PathWatch } from '../control/path-watch.ts';
import { Reconciler } from '../control/reconciler.ts';
import { ConfigThread } from '../control/remote-config.ts';
import { messageOf, ToriiError } from '../errors.ts';
import { type ChecksThread, startChecksThread } from '../health/remote-monitor.ts';
import { type BeatingThread, openHeartbeats } from '../heartbeats.ts';
import { createLogger } from '../logging.ts';
import { type MetricsThread, startMetricsThread } from '../metrics/remote-metrics.ts';
import type { CaptureQuery, RunningCapture } from '../model/capture.ts';
import { loadNetAddon, type NetAddon } from '../net.ts';
import { MetricsFeed } from './metrics-feed.ts';
import { OwnAddressWatch } from './own-address.ts';
import { giveDevicesBack, LivePath } from './packet-path.ts';
import { SpeakerSlot } from './speaker-slot.ts';
import { ThreadWatch } from './thread-watch.ts';
import { feedWatchdog } from './watchdog.ts';

export interface BalancerOptions {
  /** Path of the document. */
  readonly config: string;
  readonly version: string;
  readonly onFatal: (error: ToriiError) => void;
}

/** Of one outcome. A thousand lines would hold this thread for longer than the change itself took. */
const changesLogged = 50;
/** Then other work is let in: a line takes a tenth of a millisecond. */
const linesInOneGo = 10;
/** Sessions, first checks and first routes come before what nobody waits for; whoever asks the API sooner has it sooner. */
const restAfterMs = 300;

function shortText(worker: number): string {
  return `worker ${worker} is short of CPU: it drops packets of the tenants furthest above their share (overload)`;
}

function stuckText(thread: BeatingThread): string {
  return `the ${thread} worker makes no progress; the watchdog is not fed any more`;
}

type Applied = Extract<FromConfig, { kind: 'applied' }>;

export class Balancer {
  readonly #options: BalancerOptions;
  readonly #startedAtMs = Date.now();
  readonly #source: FileSource;
  readonly #threads = new ThreadWatch(openHeartbeats(), (stuck) => this.#onStuckThreads(stuck));
  readonly #config: ConfigThread;
  readonly #net: NetAddon = loadNetAddon();
  readonly #speaker: SpeakerSlot;
  readonly #feed: MetricsFeed;
  readonly #ownAddresses = new OwnAddressWatch((warning) => this.#log.warn(warning));
  #log: Logger;
  #path: LivePath | null = null;
  #reconciler: Reconciler | undefined;
  #checks: ChecksThread | undefined;
  #metrics: MetricsThread | undefined;
  #control: LiveNodeControl | undefined;
  #api: Api | undefined;
  #unwatch = (): void => undefined;
  #unfeed = (): void => undefined;
  #trouble: string | null = null;
  #warned: ReadonlySet<string> = new Set();
  #isReady = false;
  #rest: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: BalancerOptions) {
    this.#options = options;
    this.#log = createLogger({ level: 'info', format: 'auto' });
    this.#source = new FileSource(options.config);
    const data = { stateDir: stateDirectory(process.env), version: options.version, startedAtMs: this.#startedAtMs };
    const onDeath = (error: Error): void =>
      options.onFatal(new ToriiError('internal', `the config worker died: ${error.stack ?? error.message}`, { cause: error }));
    this.#config = new ConfigThread({ data, onEvent: (event) => this.#onConfigEvent(event), onDeath });
    this.#speaker = new SpeakerSlot({
      onPeers: () => undefined,
      onLog: ({ level, message, ...fields }) => this.#log[level](fields, message),
    });
    this.#feed = new MetricsFeed({
      startedAtMs: this.#startedAtMs,
      facts: () => this.#facts(),
      peers: () => this.#speaker.peers(),
      bfdDiscards: () => this.#speaker.bfdDiscards(),
    });
  }

  /** Resolves when everything runs; the node is ready a moment later. On failure nothing is left running. */
  async start(): Promise<void> {
    try {
      this.#speaker.warmUp();
      const { node, revision, fallback } = await this.#boot();
      this.#log = createLogger(node.logs);
      this.#log.info({ version: this.#options.version, document: this.#source.name, revision }, 'torii balancer starts');
      if (fallback !== null) {
        const { problem, source } = fallback;
        this.#log.error({ problem }, `the document cannot be used; starting with the ${source}`);
      }
      // The API first: its socket tells whether another torii runs here, which must not forward the same packets twice.
      await this.#startApi(node);
      this.#startThreads(node);
      this.#rest = setTimeout(() => {
        this.#startMetrics();
        this.#api?.warmUp();
      }, restAfterMs);
      this.#unwatch = this.#source.watch(() => void this.reload('file'));
    } catch (error) {
      await this.stop(false);
      throw error;
    }
  }

  /** What is wrong is logged, counted and shown in `torii status`. */
  async reload(by: 'SIGHUP' | 'file'): Promise<void> {
    this.#net.notify('RELOADING=1');
    const at = new Date().toISOString();
    const reloaded = await this.#control?.reload({ force: false }).catch(() => undefined);
    // A file that was only touched changed nothing.
    if (reloaded !== undefined && reloaded.changes.length > 0)
      this.#audit(reloadEntry({ at, by, via: by }, { force: false, ...reloaded }));
    if (this.#isReady) this.#net.notify('READY=1');
  }

  /** Once; further calls wait for the same end. Graceful: routers move the traffic before forwarding ends. */
  stop(graceful: boolean): Promise<void> {
    this.#stopping ??= this.#leave(graceful);
    return this.#stopping;
  }

  async #boot(): Promise<BootReply> {
    const source = this.#source.name;
    const text = await this.#source.read().then(
      (read) => read.text,
      (error: unknown) => {
        const code = error instanceof ToriiError ? error.code : 'config_unreadable';
        return { code, message: messageOf(error), isMissing: isMissing(error) };
      },
    );
    return this.#config.ask<'boot'>({ kind: 'boot', source, text });
  }

  #startThreads(node: NodeConfig): void {
    if (node.devices.length > 0) {
      this.#path = new LivePath({
        node,
        net: this.#net,
        log: this.#log,
        stateDir: stateDirectory(process.env),
        onNeighbours: ({ nextHops, devices }) => {
          if (devices.length > 0) this.#config.tell({ kind: 'devices', devices });
          if (nextHops.length > 0) this.#config.tell({ kind: 'nextHops', hops: nextHops });
        },
        onLook: (watch) => this.#onLook(watch),
      });
      this.#speaker.watch(this.#path.dataplane.engine);
    } else {
      giveDevicesBack({ net: this.#net, log: this.#log, stateDir: stateDirectory(process.env) });
      this.#unfeed = feedWatchdog({ net: this.#net, env: process.env, isAlive: () => this.#threads.stuck.length === 0 });
    }
    const checks = startChecksThread({
      onChanges: (reports) => this.#config.tell({ kind: 'health', reports }),
      onLog: ({ level, message, ...fields }) => this.#log[level](fields, message),
    });
    this.#checks = checks;
    this.#speaker.configure(node.speaker);
    this.#reconciler = new Reconciler({
      path: this.#path,
      announce: (routes) => this.#speaker.setEncoded(routes),
      inForce: (outcome) => this.#follow(outcome, checks),
      adopted: (compile, generation) => this.#config.tell({ kind: 'adopted', compile, generation }),
      refused: (compile, message) => this.#config.tell({ kind: 'refused', compile, message }),
      now: () => performance.now(),
    });
    this.#reconciler.setBlocked(null);
    this.#config.tell({ kind: 'packetPath', engine: this.#path?.dataplane.engine ?? null });
  }

  /** Once the first tables are adopted, which it is told of; but should no worker adopt them, all the same. */
  #startMetrics(): void {
    if (this.#metrics !== undefined || this.#checks === undefined || this.#stopping !== undefined) return;
    const engine = this.#path?.dataplane.engine ?? null;
    const onDeath = (error: Error): void => this.#log.error({ err: error }, 'the metrics thread died; traffic goes on');
    this.#metrics = startMetricsThread({ version: this.#options.version, engine, onDeath });
    this.#feed.start(this.#metrics, this.#checks);
  }

  /** By the metrics thread: it has the names of what is in force. */
  async #capture(query: CaptureQuery): Promise<RunningCapture> {
    if (this.#path === null) throw new ToriiError('not_here', 'this node forwards nothing: node.devices is empty');
    if (this.#metrics === undefined) throw new ToriiError('not_ready', 'torii is starting');
    return this.#metrics.capture(query, this.#path.deviceNames);
  }

  async #startApi({ api }: NodeConfig): Promise<void> {
    const control = new LiveNodeControl({
      config: this.#config,
      source: this.#source,
      facts: () => this.#facts(),
      peers: () => this.#speaker.peers(),
      peerMessages: (peer) => this.#speaker.messages(peer),
      renderMetrics: () => this.#feed.render(),
      capture: (query) => this.#capture(query),
      onRefused: (error) => {
        this.#feed.refused();
        this.#log.error({ code: error.code }, `document not applied, the old one stays: ${error.message}`);
      },
    });
    this.#control = control;
    const { version } = this.#options;
    this.#api = await startApi({
      control,
      listen: api.listen,
      socket: api.socket,
      audit: (entry) => this.#audit(entry),
      logger: this.#log,
      version,
    });
    this.#log.info({ addresses: this.#api.addresses }, 'the API answers');
    if (this.#api.trouble !== null) this.#log.error(this.#api.trouble);
  }

  #audit(entry: AuditEntry): void {
    this.#log.info({ audit: entry }, auditText(entry));
  }

  #onConfigEvent(event: Parameters<ConstructorParameters<typeof ConfigThread>[0]['onEvent']>[0]): void {
    switch (event.kind) {
      case 'outcome':
        return void this.#reconciler?.apply(event.outcome);
      case 'withdraw':
        return this.#reconciler?.withdraw(event.prefixes, event.byHealth);
      case 'directory':
        return this.#metrics?.setDirectory(event.json);
      case 'applied':
        return this.#onApplied(event);
      case 'log':
        return this.#log[event.level](event.fields ?? {}, event.message);
      case 'dead':
        return this.#options.onFatal(new ToriiError(event.code, event.message));
    }
  }

  /**
   * Nothing of it before the document is in force: one that is refused must not have bounced a session or stopped a check. With
   * ten thousand VIPs each step takes milliseconds, so what else is due comes between them.
   */
  async #follow(outcome: Outcome, checks: ChecksThread): Promise<void> {
    const { node, targets, addresses, changes, warnings } = outcome;
    if (node !== null) {
      this.#speaker.configure(node.speaker);
      this.#log.level = node.logs.level;
      if (this.#path !== null) this.#ownAddresses.follow(node);
    }
    if (targets !== null) checks.setEncoded(targets);
    for (const warning of warnings) if (!this.#warned.has(warning)) this.#log.warn(warning);
    this.#warned = new Set(warnings);
    if (addresses !== null) {
      await turn();
      const list = JSON.parse(Buffer.from(addresses).toString()) as readonly string[];
      await turn();
      this.#path?.neighbours.follow(list);
    }
    await turn();
    // The first document's changes are the whole document.
    if (this.#isReady) void this.#logChanges(outcome.revision, changes);
  }

  async #logChanges(revision: number, changes: readonly string[]): Promise<void> {
    for (const [i, change] of changes.slice(0, changesLogged).entries()) {
      this.#log[isLoss(change) ? 'warn' : 'info']({ revision }, change);
      if (i % linesInOneGo === linesInOneGo - 1) await turn();
    }
    const more = changes.length - changesLogged;
    if (more > 0) this.#log.info({ revision, more }, 'and more changes of the same revision');
  }

  #onApplied(applied: Applied): void {
    const { revision, generation, applyMs } = applied;
    this.#feed.applied(applied);
    this.#log.debug({ revision, generation, applyMs }, 'applied');
    if (this.#isReady) return;
    this.#isReady = true;
    this.#threads.start();
    this.#startMetrics();
    const startMs = Math.round(performance.now());
    this.#log.info({ revision, generation, startMs }, 'ready: the first tables are in force');
    this.#net.notify('READY=1');
  }

  /** Nothing is withdrawn for it: packets go where they went. What is left is to have the service manager start the node anew. */
  #onStuckThreads(stuck: readonly BeatingThread[]): void {
    if (stuck.length === 0) this.#log.warn('every thread makes progress again');
    for (const thread of stuck) this.#log.error(stuckText(thread));
  }

  #onLook({ trouble, isStuck }: PathWatch): void {
    const isAlive = !isStuck && this.#threads.stuck.length === 0;
    if (process.env['WATCHDOG_USEC'] !== undefined && isAlive) this.#net.notify('WATCHDOG=1');
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    if (trouble === null) this.#log.warn('the packet path works again');
    else this.#log.error(`every forwarding VIP is withdrawn: ${trouble}`);
    this.#reconciler?.setBlocked(trouble);
  }

  #facts(): NodeFacts {
    const peers = this.#speaker.peers();
    const dataplane = this.#path?.dataplane;
    const paces = this.#path?.paces() ?? [];
    const engine = (this.#path?.engines ?? []).join(',');
    const shared = { device: this.#path?.deviceNames.join(',') ?? '', engine };
    return {
      ready: this.#reconciler?.ready ?? false,
      blocked: this.#reconciler === undefined ? 'torii is starting' : this.#reconciler.blocked,
      unheard: this.#speaker.unheard(),
      heldDown: this.#reconciler?.heldDown() ?? [],
      peers: { total: peers.length, established: peers.filter(({ state }) => state === 'established').length },
      engine: dataplane === undefined ? 'none' : engine,
      devices: this.#path?.devices() ?? [],
      workers: paces.map(({ busyRatio, burstSize }, i) => ({
        ...shared,
        core: this.#path?.cores[i] ?? null,
        busyRatio,
        burstSize,
      })),
      flowCapacity: (dataplane?.flowCapacity ?? 0) * (dataplane?.workers ?? 0),
      warnings: [
        ...[this.#trouble, this.#api?.trouble ?? null].filter((each) => each !== null),
        ...paces.flatMap(({ isShort }, worker) => (isShort ? [shortText(worker)] : [])),
        ...this.#threads.stuck.map(stuckText),
        ...this.#speaker.troubles(),
        ...this.#ownAddresses.warnings(),
      ],
    };
  }

  async #leave(graceful: boolean): Promise<void> {
    this.#net.notify('STOPPING=1');
    this.#unwatch();
    this.#threads.stop();
    clearTimeout(this.#rest);
    if (graceful) {
      this.#log.info('leaving: routers are told to prefer other ways');
      await this.#speaker.leave();
      // With the sessions up: what is still on its way comes from routers that know us.
      await this.#path?.quiet();
    }
    await this.#speaker.close(graceful);
    this.#metrics?.endCapture();
    await this.#api?.close();
    this.#reconciler?.close();
    this.#unfeed();
    this.#feed.stop();
    this.#path?.stop();
    await Promise.all([this.#checks?.close(), this.#metrics?.close(), this.#config.close()]);
    if (graceful) this.#log.info('stopped');
  }
}
