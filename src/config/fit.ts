// A document's values as the schema has them. What the last document had, too, fits already: of a large one in which one
// backend changes, a pool is looked at. Pure.

import { isObject } from './same-values.ts';
import { type Document, documentSchema } from './schema.ts';

/** A document that fits, as it was written and with its defaults. */
export interface Fitted {
  readonly value: unknown;
  readonly document: Document;
}

/** What is the very same object in `value` and in `before.value` is so in the result and in `before.document`. */
export function fit(value: unknown, before: Fitted | undefined): ReturnType<typeof documentSchema.safeParse> {
  const document = before === undefined ? undefined : refit(value, before);
  // Places of problems are those of the whole document.
  return document === undefined ? documentSchema.safeParse(value) : { success: true, data: document };
}

/** Undefined where anything does not fit, or the parts are not there to be compared. */
function refit(value: unknown, { value: was, document: known }: Fitted): Document | undefined {
  if (!hasParts(value) || !hasParts(was)) return undefined;
  const tenants = known.tenants.map((tenant, i) => [was.tenants[i], tenant] as const);
  const others = remainderOf(value.tenants, new Map(tenants));
  const pools = Object.entries(value.pools).filter(([name, pool]) => pool !== ownOf(was.pools, name));
  const result = documentSchema.safeParse({ ...value, tenants: others.items, pools: Object.fromEntries(pools) });
  if (!result.success) return undefined;
  const { data } = result;
  return {
    ...data,
    tenants: value.tenants === was.tenants ? known.tenants : others.joined(data.tenants),
    pools: Object.fromEntries(
      Object.keys(value.pools).flatMap((name) => {
        const pool = ownOf(data.pools, name) ?? ownOf(known.pools, name);
        return pool === undefined ? [] : [[name, pool]];
      }),
    ),
  };
}

interface Parts extends Record<string, unknown> {
  readonly tenants: readonly unknown[];
  readonly pools: Readonly<Record<string, unknown>>;
}

function hasParts(value: unknown): value is Parts {
  if (!isObject(value)) return false;
  const { tenants, pools } = value;
  return Array.isArray(tenants) && isObject(pools) && !Array.isArray(pools);
}

interface Remainder<Item> {
  /** Those that are not known. */
  readonly items: readonly unknown[];
  /** All of them, once those have become `fitted`. */
  joined(fitted: readonly Item[]): Item[];
}

function remainderOf<Item>(all: readonly unknown[], known: ReadonlyMap<unknown, Item>): Remainder<Item> {
  return {
    items: all.filter((item) => !known.has(item)),
    joined: (fitted) => {
      const left = fitted.values();
      return all.flatMap((item) => known.get(item) ?? left.next().value ?? []);
    },
  };
}

function ownOf<Value>(record: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
