// One worker of bench/packet.ts in a thread of its own.

import { parentPort, workerData } from 'node:worker_threads';
import { loadDataplaneAddon } from '../src/dataplane/addon.ts';

const { engine, worker, bytes, lengths, flows, packets } = workerData as {
  readonly engine: number;
  readonly worker: number;
  readonly bytes: Uint8Array;
  readonly lengths: Uint32Array;
  readonly flows: number;
  readonly packets: number;
};
const addon = loadDataplaneAddon();
addon.bench(engine, worker, bytes, lengths, flows, flows * 4, 0);
parentPort?.postMessage(addon.bench(engine, worker, bytes, lengths, flows, packets, 0));
