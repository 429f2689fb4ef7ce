// The live packet path of one node: engine, watchdog, next hops, and the wait for its last packets. Main thread, which
// only looks at counters and netlink; packets are native threads' work.

import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import type { DeviceConfig, NodeConfig } from '../config/config.ts';
import { afterLook, freshWatch, nextLookMs, type PathWatch } from '../control/path-watch.ts';
import type { PacketPath } from '../control/ports.ts';
import type { DeviceSpec, DeviceState, EngineName, QueueFacts } from '../dataplane/addon.ts';
import { LiveDataplane, sweepDevice } from '../dataplane/dataplane.ts';
import { checkDevices } from '../dataplane/devices.ts';
import { type NeighbourChanges, Neighbours } from '../dataplane/neighbours.ts';
import { type Pace, type PaceSample, paceBetween } from '../dataplane/pace.ts';
import { messageOf, ToriiError } from '../errors.ts';
import { reasonsOf } from '../model/queue-reasons.ts';
import type { NetAddon } from '../net.ts';
import { type Raised, raiseChannels } from './channels.ts';
import { planWorkers, usableCores } from './cores.ts';
import { DeviceSettings } from './device-settings.ts';
import { type Bound, bindQueues, restoreSettings } from './interrupts.ts';

/** The pace that operators are shown is that of so many looks. */
const paceLooks = 4;
const adoptionWarningMs = 5000;
/** After the routes are gone forwarding goes on until no packet came for quietMs, at most quietLimitMs. */
const quietMs = 200;
const quietLimitMs = 3000;

export interface LivePathParams {
  readonly node: NodeConfig;
  readonly net: NetAddon;
  readonly log: Logger;
  /** Where devices' settings before torii are noted. */
  readonly stateDir: string;
  readonly onNeighbours: (changes: NeighbourChanges) => void;
  /** After every look; `trouble` says why nothing may be announced. */
  readonly onLook: (watch: PathWatch) => void;
}

export class LivePath implements PacketPath {
  readonly dataplane: LiveDataplane;
  readonly neighbours: Neighbours;
  readonly deviceNames: readonly string[];
  /** The document's word for each. */
  readonly askedEngines: readonly string[];
  /** In use, each once; for as long as the path runs. */
  readonly engines: readonly EngineName[];
  /** Worker n stays on cores[n]; empty: they run anywhere. */
  readonly cores: readonly number[];
  readonly #log: Logger;
  readonly #onLook: LivePathParams['onLook'];
  #timer: NodeJS.Timeout;
  readonly #raised: Raised;
  readonly #settings: DeviceSettings;
  #bound: Bound | undefined;
  #watch = freshWatch;
  #states: readonly DeviceState[];
  /** The latest last. */
  #samples: readonly PaceSample[];
  #isStopped = false;

  /** Opens the devices and starts the workers. Throws no_privilege, device_unknown, device_unusable or capacity. */
  constructor({ node, net, log, stateDir, onNeighbours, onLook }: LivePathParams) {
    this.#log = log;
    this.deviceNames = node.devices.map(({ name }) => name);
    this.askedEngines = node.devices.map(({ engine }) => engine);
    const { workers, cores } = planWorkers(usableCores(this.deviceNames), availableParallelism());
    this.cores = cores;
    this.dataplane = new LiveDataplane({ workers, flowEntries: node.flowTableEntries, flowRecords: node.flowRecords });
    checkDevices(this.deviceNames, net.links());
    const warn = (message: string): void => log.warn(message);
    const say = (message: string): void => log.info(message);
    this.#settings = new DeviceSettings({ net, sweep: sweepDevice, directory: stateDir, devices: this.deviceNames, say, warn });
    this.#raised = raiseChannels(net, this.deviceNames, workers, this.#settings.queues);
    try {
      this.dataplane.start(node.devices.map(deviceSpec), cores);
    } catch (error) {
      // Where another torii has the device, its settings are that one's, and so may be the note.
      if (!(error instanceof ToriiError && error.code === 'address_in_use')) this.#restore();
      throw error;
    }
    const queues = this.dataplane.queues();
    this.engines = [...new Set(queues.map(({ engine }) => engine))];
    this.#bound = bindQueues({ devices: this.deviceNames, cores, left: this.#settings.files });
    this.#settings.running(this.#bound.before);
    for (const line of [...this.#raised.lines, ...modeLines(this.deviceNames, queues), ...this.#bound.lines]) log.info(line);
    const onError = (error: unknown): void => log.warn({ err: error }, `next hops: ${messageOf(error)}`);
    this.neighbours = new Neighbours({ net, devices: this.deviceNames, onChanged: onNeighbours, onError });
    this.#samples = [this.#sample()];
    this.#states = this.deviceNames.map(() => 'up');
    this.#onLook = onLook;
    this.#timer = this.#lookLater();
  }

  /** By worker, over the last second. */
  paces(): readonly Pace[] {
    const [first] = this.#samples;
    return first === undefined ? [] : paceBetween(first, this.#samples.at(-1) ?? first);
  }

  /** As of the latest look. */
  devices(): readonly { readonly name: string; readonly engine: string; readonly state: DeviceState }[] {
    return this.deviceNames.map((name, i) => ({
      name,
      engine: this.askedEngines[i] ?? 'auto',
      state: this.#states[i] ?? 'gone',
    }));
  }

  load(snapshot: Uint8Array): number {
    return this.dataplane.load(snapshot);
  }

  /** Waits as long as it takes: the snapshot is in force, so there is no way back, only a worker that is late. */
  async adopted(generation: number): Promise<void> {
    while (!this.#isStopped) {
      try {
        return await this.dataplane.whenAdopted(generation, adoptionWarningMs);
      } catch (error) {
        if (!(error instanceof ToriiError)) throw error;
        this.#log.warn({ generation }, error.message);
      }
    }
  }

  /** Fulfilled when no packet for a VIP has come for a moment, or the limit is over. */
  async quiet(): Promise<void> {
    const deadline = performance.now() + quietLimitMs;
    let forwarded = this.#forwarded();
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, quietMs));
      const now = this.#forwarded();
      if (now === forwarded || performance.now() > deadline) return;
      forwarded = now;
    }
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.neighbours.close();
    this.dataplane.stop();
    this.#restore();
  }

  #restore(): void {
    this.#bound?.restore();
    this.#raised.restore();
    this.#settings.restore();
  }

  #lookLater(): NodeJS.Timeout {
    return setTimeout(() => this.#look(), nextLookMs(this.#watch));
  }

  #look(): void {
    // A look between two others would make the last second a shorter one.
    if (this.#watch.missedAtMs.size === 0) this.#samples = [...this.#samples.slice(-paceLooks), this.#sample()];
    const progress = this.dataplane.progress();
    this.#states = progress.devices.map(({ state }) => state);
    this.#watch = afterLook(this.#watch, { ...progress, atMs: performance.now() });
    this.#timer = this.#lookLater();
    this.#onLook(this.#watch);
  }

  #sample(): PaceSample {
    const { counters } = this.dataplane;
    const overload = counters.verdicts.find(({ reason }) => reason === 'overload')?.number ?? -1;
    const workers = counters.workers().map((worker) => ({ ...worker, shed: worker.verdicts[overload] ?? 0 }));
    return { atMs: performance.now(), workers };
  }

  #forwarded(): number {
    const { verdicts } = this.dataplane.counters;
    const forwards = verdicts.flatMap(({ kind, number }) => (kind === 'forward' ? [number] : []));
    return this.dataplane.counters.workers().reduce((sum, worker) => {
      return sum + forwards.reduce((all, number) => all + (worker.verdicts[number] ?? 0), 0);
    }, 0);
  }
}

/** For a node that forwards nothing: what one that did, and was killed, had left on its devices. */
export function giveDevicesBack({ net, log, stateDir }: Pick<LivePathParams, 'net' | 'log' | 'stateDir'>): void {
  const say = (message: string): void => log.info(message);
  const warn = (message: string): void => log.warn(message);
  const settings = new DeviceSettings({ net, sweep: sweepDevice, directory: stateDir, devices: [], say, warn });
  restoreSettings(settings.files);
  settings.restore();
}

function deviceSpec({ name, engine, busyPoll }: DeviceConfig): DeviceSpec {
  // The document's check refuses it where devices are opened.
  if (engine === 'xdp') throw new ToriiError('device_unusable', `${name}: the engine xdp is not supported in this version`);
  return { name, engine, busyPoll: busyPoll ? 1 : 0 };
}

/** For the log: one line a device, since its queues are alike. */
export function modeLines(devices: readonly string[], queues: readonly QueueFacts[]): readonly string[] {
  return devices.flatMap((name, device) => {
    const own = queues.filter((queue) => queue.device === device);
    const [first] = own;
    if (first === undefined) return [];
    const { engine, xdp, copy, busyPolling, hugePages } = first;
    const words = [
      ...(xdp === 'none' ? [] : [`XDP ${xdp}`, copy]),
      own.length === 1 ? '1 queue' : `${own.length} queues`,
      ...(busyPolling ? ['busy polling'] : []),
      ...(hugePages ? ['huge pages'] : []),
    ];
    const reasons = reasonsOf(own);
    return `device ${name} is carried by ${engine}: ${words.join(', ')}${reasons.length === 0 ? '' : ` (${reasons.join('; ')})`}`;
  });
}
