// What main was last told, so that equal values do not cross again. Runs in the config worker.

import { encodeRoutes, type RouteLine } from './route-lines.ts';
import type { PlannedRoute } from './routes.ts';

export class Told {
  readonly #values = new Map<string, unknown>();
  readonly #texts = new Map<string, string>([
    ['targets', '[]'],
    ['addresses', '[]'],
  ]);
  readonly #routes = new Map<string, PlannedRoute>();
  #lastRoutes: readonly PlannedRoute[] | null = null;

  /** JSON bytes of a value, or null when main already has an equal one. */
  news(what: 'targets' | 'addresses' | 'node', value: unknown): Uint8Array<ArrayBuffer> | null {
    if (this.#values.get(what) === value) return null;
    this.#values.set(what, value);
    const text = JSON.stringify(value);
    if (this.#texts.get(what) === text) return null;
    this.#texts.set(what, text);
    return new TextEncoder().encode(text);
  }

  /** Those that main does not have, or has otherwise. */
  newRoutes(routes: readonly PlannedRoute[]): Uint8Array<ArrayBuffer> | null {
    if (routes === this.#lastRoutes) return null;
    this.#lastRoutes = routes;
    const news = routes.filter((route) => !isSame(route, this.#routes.get(route.prefix)));
    for (const route of news) this.#routes.set(route.prefix, route);
    return encodeRoutes(news.map(lineOf));
  }

  withdrawn(prefixes: Iterable<string>): void {
    this.#lastRoutes = null;
    for (const prefix of prefixes) this.#routes.delete(prefix);
  }

  /** Main has taken nothing of the last outcome: whatever comes next is news again. */
  forget(): void {
    this.#values.clear();
    this.#texts.clear();
    this.#routes.clear();
    this.#lastRoutes = null;
  }
}

function lineOf({ prefix, policy, draining, blackhole, usesPath }: PlannedRoute): RouteLine {
  const alone = usesPath ? {} : { withoutPath: true };
  return { prefix, usesPath, text: JSON.stringify({ prefix, policy, draining, blackhole, ...alone }) };
}

/** Of the same prefix. Most policies are one and the same object, so few have to be written to be compared. */
function isSame(a: PlannedRoute, b: PlannedRoute | undefined): boolean {
  return (
    a.usesPath === b?.usesPath &&
    a.draining === b.draining &&
    a.blackhole === b.blackhole &&
    (a.policy === b.policy || JSON.stringify(a.policy) === JSON.stringify(b.policy))
  );
}
