// The demo's voice: chapters, a live line while something is being checked, and the table at the end.
//
// On a terminal the live line is drawn over itself; elsewhere it is printed every two seconds. All of it goes to one
// stream, so that with --json standard output carries nothing but the JSON.

import type { Outcome } from './claims/claim.ts';

export interface Chapter {
  readonly id: string;
  readonly sentence: string;
  readonly outcome: Outcome;
}

interface Stream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class Narrator {
  readonly #stream: Stream;
  readonly #startedMs = performance.now();
  #liveDrawn = false;
  #livePrintedMs = 0;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  say(text: string): void {
    this.#clearLive();
    this.#stream.write(`${text}\n`);
  }

  chapter(action: string, sentence: string): void {
    this.say(`\n${this.#clock()} ▸ ${action}`);
    this.say(`         claim: ${sentence}`);
  }

  verdict({ held, detail }: Outcome): void {
    this.say(`         ${this.#mark(held)} ${detail}`);
  }

  /** Numbers of this moment. */
  live(text: string): void {
    if (this.#stream.isTTY === true) {
      this.#stream.write(`\r\u001b[K         ${text}`);
      this.#liveDrawn = true;
    } else if (performance.now() - this.#livePrintedMs > 2_000) {
      this.#livePrintedMs = performance.now();
      this.#stream.write(`         ${text}\n`);
    }
  }

  table(chapters: readonly Chapter[]): void {
    const width = Math.max(...chapters.map(({ id }) => id.length));
    this.say('');
    for (const { id, outcome } of chapters) this.say(`  ${this.#mark(outcome.held)} ${id.padEnd(width)}  ${outcome.detail}`);
  }

  #mark(held: boolean): string {
    const word = held ? 'held  ' : 'BROKEN';
    return this.#stream.isTTY === true ? `\u001b[${held ? 32 : 31}m${word}\u001b[0m` : word;
  }

  #clock(): string {
    return `${((performance.now() - this.#startedMs) / 1000).toFixed(1).padStart(5)} s`;
  }

  #clearLive(): void {
    if (this.#liveDrawn) this.#stream.write('\r\u001b[K');
    this.#liveDrawn = false;
  }
}
