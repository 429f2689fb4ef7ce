// Whether the machine itself stood still: a process that only sleeps says when it woke late. It stands above the priority that
// BFD has, so what delays it would have delayed any BFD, ours or the router's. Started by stall-watch.ts under chrt.
//
// A line of JSON for each pause worth telling; ends with its standard input.

import type { Stall } from './stall-watch.ts';

const sleepMs = 5;
const worthTellingMs = 20;

let lastMs = performance.now();
setInterval(() => {
  const nowMs = performance.now();
  const stall: Stall = { atMs: Date.now(), longMs: Math.round(nowMs - lastMs) };
  lastMs = nowMs;
  if (stall.longMs >= worthTellingMs) process.stdout.write(`${JSON.stringify(stall)}\n`);
}, sleepMs);
process.stdout.write(`${JSON.stringify({ atMs: Date.now(), longMs: 0 } satisfies Stall)}\n`);
process.stdin.resume().once('end', () => process.exit(0));
