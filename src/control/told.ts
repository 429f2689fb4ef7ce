// What main was last told, so that equal values do not cross again. Runs in the config worker.

import { encodeRoutes, type RouteLine } from './route-lines.ts';
import type { PlannedRoute } from './routes.ts';

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
  newRoutes(routes: readonly PlannedRoute[]): Uint8Array<ArrayBuffer> | null {
    const news = routes
      .map(({ prefix, policy, draining, blackhole, usesPath }) => {
        return { prefix, usesPath, text: JSON.stringify({ prefix, policy, draining, blackhole }) };
      })
      .filter((line) => this.#routes.get(line.prefix) !== toldAs(line));
    for (const line of news) this.#routes.set(line.prefix, toldAs(line));
    return encodeRoutes(news);
  }

  withdrawn(prefixes: Iterable<string>): void {
    for (const prefix of prefixes) this.#routes.delete(prefix);
  }

  /** Main has taken nothing of the last outcome: whatever comes next is news again. */
  forget(): void {
    this.#texts.clear();
    this.#routes.clear();
  }
}

function toldAs({ usesPath, text }: RouteLine): string {
  return `${usesPath} ${text}`;
}
