// Entry of the checks thread: a Monitor behind a message port. Nothing else may run here, so that neither a reload nor
// a scrape delays a probe or makes its answer look late. The other end is remote-monitor.ts.

import { parentPort } from 'node:worker_threads';
import { startBeating } from '../heartbeats.ts';
import type { HealthTarget } from '../model/health-check.ts';
import type { CheckStats, ChecksLog, HealthChange } from './check.ts';
import { probeHttp } from './http-check.ts';
import { Monitor } from './monitor.ts';
import { probeTcp } from './tcp-check.ts';

export type ToChecks =
  /** JSON of the whole HealthTarget[]. */
  | { readonly kind: 'set'; readonly json: Uint8Array }
  | { readonly kind: 'stats'; readonly id: number }
  | { readonly kind: 'close' };

export type FromChecks =
  | { readonly kind: 'changes'; readonly changes: readonly HealthChange[] }
  | { readonly kind: 'stats'; readonly id: number; readonly rows: readonly CheckStats[] }
  | { readonly kind: 'log'; readonly entry: ChecksLog };

const port = parentPort;
if (port === null) throw new Error('health/worker runs as a worker thread only');
const send = (message: FromChecks) => port.postMessage(message);

startBeating('checks');
const monitor = new Monitor({
  probe: (address, check, signal) =>
    check.kind === 'http' ? probeHttp({ ...check, address }, signal) : probeTcp({ ...check, address }, signal),
  onChanges: (changes) => send({ kind: 'changes', changes }),
  onLog: (entry) => send({ kind: 'log', entry }),
});

port.on('message', (message: ToChecks) => {
  if (message.kind === 'set') monitor.set(JSON.parse(Buffer.from(message.json).toString()) as HealthTarget[]);
  else if (message.kind === 'stats') send({ kind: 'stats', id: message.id, rows: monitor.stats() });
  else {
    monitor.close();
    port.close();
  }
});
