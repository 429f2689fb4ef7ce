// Entry of the config worker: a ConfigService behind a message port, on this thread's view of the packet path's memory.
// Nothing else runs here, so a large document delays nobody but the next document.

import { parentPort, workerData } from 'node:worker_threads';
import { loadDataplaneAddon } from '../dataplane/addon.ts';
import { Counters } from '../dataplane/counters.ts';
import { startBeating } from '../heartbeats.ts';
import { ConfigService } from './config-service.ts';
import { DiskKeeper } from './disk-keeper.ts';
import type { ConfigWorkerData, FromConfig, ToConfig } from './messages.ts';
import { NativeCompiler } from './native-compiler.ts';

const port = parentPort;
if (port === null) throw new Error('control/config-worker runs as a worker thread only');

startBeating('config');
const { stateDir, version, startedAtMs } = workerData as ConfigWorkerData;
const service = new ConfigService({
  keeper: new DiskKeeper(stateDir),
  env: process.env,
  version,
  startedAtMs,
  emit: (message: FromConfig, transfer = []) => port.postMessage(message, transfer),
  openPath: (engine) => {
    const addon = loadDataplaneAddon();
    return { compiler: new NativeCompiler(addon, engine), counters: new Counters(addon, engine) };
  },
});

port.on('message', (message: ToConfig) => {
  service.take(message);
  if (message.kind === 'close') port.close();
});
