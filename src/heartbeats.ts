// How main sees that a worker thread goes on: each counts up a word of memory that all threads share, once a second.
//
// A thread that has not begun, or has ended, shows 0. One that computes for long, waits in the kernel or hangs does not count. Words,
// not messages: nobody has to be awake to read them.

import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

/** Without these the node forwards by what it knew last; the metrics thread may hang. */
export const beatingThreads = ['config', 'checks', 'bgp'] as const;
export type BeatingThread = (typeof beatingThreads)[number];

export const beatMs = 1000;
const key = 'torii heartbeats';

/** By main, before it starts any of them. A word for each, in the order of beatingThreads. */
export function openHeartbeats(): Int32Array<SharedArrayBuffer> {
  const words = new Int32Array(new SharedArrayBuffer(beatingThreads.length * Int32Array.BYTES_PER_ELEMENT));
  setEnvironmentData(key, words.buffer);
  return words;
}

/** By the thread's entry; keeps no thread from ending. Nothing where nobody watches. */
export function startBeating(thread: BeatingThread): void {
  const shared = getEnvironmentData(key);
  if (!(shared instanceof SharedArrayBuffer)) return;
  const words = new Int32Array(shared);
  const word = beatingThreads.indexOf(thread);
  const beat = (): void => void Atomics.add(words, word, 1);
  beat();
  setInterval(beat, beatMs).unref();
  process.once('exit', () => Atomics.store(words, word, 0));
}
