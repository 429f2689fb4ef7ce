// What main was last told, so that equal values do not cross again. Runs in the config worker.

import type { Advertisement } from '../model/peer.ts';
import { encodeRoutes } from './route-lines.ts';

export class Told {
  readonly #texts = new Map<string, string>([
    ['targets', '[]'],
    ['addresses', '[]'],
  ]);
  readonly #routes = new Map<string, string>();

  /** JSON bytes of a value, or null when main already has an equal one. */
  news(what: 'targets' | 'addresses' | 'node', value: unknown): Uint8Array<ArrayBuffer> | null {
    const text = JSON.stringify(value);
    if (this.#texts.get(what) === text) return null;
    this.#texts.set(what, text);
    return new TextEncoder().encode(text);
  }

  /** Those that main does not have, or has otherwise. */
  newRoutes(routes: readonly Advertisement[]): Uint8Array<ArrayBuffer> | null {
    const news = routes
      .map((route) => ({ prefix: route.prefix, usesPath: true, text: JSON.stringify(route) }))
      .filter(({ prefix, text }) => this.#routes.get(prefix) !== text);
    for (const { prefix, text } of news) this.#routes.set(prefix, text);
    return encodeRoutes(news);
  }

  withdrawn(prefixes: readonly string[]): void {
    for (const prefix of prefixes) this.#routes.delete(prefix);
  }

  /** Main has taken nothing of the last outcome: whatever comes next is news again. */
  forget(): void {
    this.#texts.clear();
    this.#routes.clear();
  }
}
