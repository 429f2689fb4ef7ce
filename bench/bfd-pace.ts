// How evenly BFD packets are sent, as the router's link shows it: who was silent for how long, by the kernel's clock. It tells
// an end that sent too late from one that looked too late.
//
// Only pauses after a packet that says Up count, whatever the next one says: a session that is down is slow by design (RFC 5880
// 6.8.3), and one that was silent too long says Down when it speaks again. The capture is tcpdump's, which is not part of the lab;
// without it nothing is known.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { environment, inNamespace } from '../deploy/lab/shell.ts';

const line = /^(\d+\.\d+) IP6? (\S+)\.\d+ > (\S+)\.3784: BFDv1, Control, State (\w+)/;

export interface Pause {
  readonly from: string;
  readonly to: string;
  readonly longestMs: number;
  readonly packets: number;
}

/** Pauses of each direction of each session, from tcpdump's lines. */
export class PauseRecord {
  readonly #ways = new Map<string, { lastSec: number; wasUp: boolean; pause: Pause }>();

  take(text: string): void {
    const [, time, from, to, state] = line.exec(text) ?? [];
    if (time === undefined || from === undefined || to === undefined) return;
    const atSec = Number(time);
    const isUp = state === 'Up';
    const key = `${from} ${to}`;
    const way = this.#ways.get(key) ?? { lastSec: atSec, wasUp: false, pause: { from, to, longestMs: 0, packets: 0 } };
    const pauseMs = way.wasUp ? (atSec - way.lastSec) * 1000 : 0;
    const pause = { ...way.pause, longestMs: Math.max(way.pause.longestMs, pauseMs), packets: way.pause.packets + 1 };
    this.#ways.set(key, { lastSec: atSec, wasUp: isUp, pause });
  }

  get pauses(): readonly Pause[] {
    return [...this.#ways.values()].map(({ pause }) => pause);
  }
}

export class BfdPace {
  readonly #capture: ChildProcessByStdio<null, Readable, Readable>;
  readonly #record = new PauseRecord();

  private constructor(capture: ChildProcessByStdio<null, Readable, Readable>) {
    this.#capture = capture;
    createInterface({ input: capture.stdout }).on('line', (text) => this.#record.take(text));
  }

  /** Resolves once it captures. */
  static async start(namespace: string, device: string): Promise<BfdPace> {
    const argv = ['tcpdump', '-i', device, '-n', '-l', '-tt', '--immediate-mode', '-B', '4096', 'udp dst port 3784'];
    const [program = '', ...args] = inNamespace(namespace, argv);
    const capture = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
    await once(capture.stderr, 'data');
    return new BfdPace(capture);
  }

  async stop(): Promise<readonly Pause[]> {
    const ended = once(this.#capture, 'close');
    this.#capture.kill('SIGINT');
    await ended;
    return this.#record.pauses;
  }
}
