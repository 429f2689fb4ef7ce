// A balancer without control plane, for tests of the live engine: run in its namespace, told by IPC what to do.
//
//     node packet-node.js WORKERS[@CORE,...] ENGINE[+busy|+clsact] DEVICE...
//
// Says {ready} or {failed}, then answers each request with one message.

import { until } from '../../../deploy/lab/until.ts';
import { NativeCompiler } from '../../../src/control/native-compiler.ts';
import type { Draft } from '../../../src/control/ports.ts';
import { type DeviceSpec, loadDataplaneAddon, type QueueFacts } from '../../../src/dataplane/addon.ts';
import { LiveDataplane } from '../../../src/dataplane/dataplane.ts';
import { ToriiError } from '../../../src/errors.ts';
import type { Desired } from '../../../src/model/desired.ts';

export type Request =
  /** `isUnsettled`: the workers have it, but the devices still take what it has no more. */
  | { readonly kind: 'load'; readonly desired: Desired; readonly isUnsettled: boolean }
  | { readonly kind: 'totals' }
  | { readonly kind: 'stop' };

export interface Totals {
  readonly workers: readonly { readonly rxPackets: number; readonly txPackets: number; readonly rxLost: number }[];
  /** Counts of all workers by verdict or reason. */
  readonly verdicts: Readonly<Record<string, number>>;
  /** The same of each VIP, by its name. */
  readonly vips: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Backend packets by index, all workers. */
  readonly backendPackets: number;
  readonly devices: Readonly<Record<string, string>>;
  /** Why devices that are there are not taken up. */
  readonly reasons: readonly string[];
  readonly queues: readonly QueueFacts[];
}

export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'loaded'; readonly generation: number }
  | { readonly kind: 'totals'; readonly totals: Totals };

function answer(message: Answer): void {
  process.send?.(message);
}

/** By verdict or reason. */
function named(dataplane: LiveDataplane, countOf: (verdict: number) => number): Readonly<Record<string, number>> {
  return Object.fromEntries(
    dataplane.counters.verdicts.map(({ number, kind, reason }) => {
      const name = kind === 'drop' ? reason : kind === 'answer' ? `answered ${reason}` : kind;
      return [name, countOf(number)];
    }),
  );
}

function totalsOf(dataplane: LiveDataplane, vips: Draft['indices']['vips'] | undefined): Totals {
  const { counters } = dataplane;
  const workers = counters.workers();
  const { devices } = dataplane.progress();
  const verdicts = named(dataplane, (number) => workers.reduce((sum, worker) => sum + (worker.verdicts[number] ?? 0), 0));
  return {
    vips: Object.fromEntries(
      [...(vips ?? [])].map(([name, { index }]) => {
        const counts = counters.vip(index).verdicts;
        return [name, named(dataplane, (number) => counts[number] ?? 0)];
      }),
    ),
    workers: workers.map(({ rxPackets, txPackets, rxLost }) => ({ rxPackets, txPackets, rxLost })),
    verdicts,
    backendPackets: counters.backend(1).packets,
    devices: Object.fromEntries(devices.map(({ name, state }) => [name, state])),
    reasons: devices.map(({ reason }) => reason).filter((reason) => reason !== ''),
    queues: dataplane.queues(),
  };
}

async function main([workerWords = '1', engine = '', ...devices]: readonly string[]): Promise<void> {
  const [workerCount, cores] = workerWords.split('@');
  const dataplane = new LiveDataplane({ workers: Number(workerCount), flowEntries: 65536 });
  const compiler = new NativeCompiler(loadDataplaneAddon(), dataplane.engine);
  const [engineName, way] = engine.split('+');
  dataplane.start(
    devices.map((name) => ({
      name,
      engine: engineName as DeviceSpec['engine'],
      busyPoll: way === 'busy' ? 1 : 0,
      withoutTcx: way === 'clsact' ? 1 : 0,
    })),
    cores?.split(',').map(Number) ?? [],
  );
  let vips: Draft['indices']['vips'] | undefined;
  const load = async ({ desired, isUnsettled }: Extract<Request, { kind: 'load' }>): Promise<number> => {
    const draft = compiler.draft(desired);
    const generation = dataplane.load(draft.snapshot);
    const isAdopted = () => dataplane.counters.workers().every((worker) => worker.generation === generation);
    if (isUnsettled) await until(isAdopted, { what: 'the workers', timeoutMs: 5000 });
    else await dataplane.whenAdopted(generation, 5000);
    compiler.keep(draft);
    vips = draft.indices.vips;
    return generation;
  };
  process.on('message', (request: Request) => {
    if (request.kind === 'load') void load(request).then((generation) => answer({ kind: 'loaded', generation }), fail);
    else if (request.kind === 'totals') answer({ kind: 'totals', totals: totalsOf(dataplane, vips) });
    else {
      dataplane.stop();
      process.disconnect();
    }
  });
  answer({ kind: 'ready' });
}

function fail(error: unknown): void {
  const code = error instanceof ToriiError ? error.code : 'internal';
  answer({ kind: 'failed', code, message: error instanceof Error ? error.message : String(error) });
  process.disconnect();
}

await main(process.argv.slice(2)).catch(fail);
