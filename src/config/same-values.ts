// What two documents have in common, found once: a part of the new one's values that says the same as the old one's becomes the
// very same object, so that schema, rules and normal form need only compare references to know what they have seen. Pure but
// for `next`, which is the caller's own.

/** `before` itself where `next` says the same, keys in the same order; else `next` with the parts of `before` that it repeats. */
export function sharing(next: unknown, before: unknown): unknown {
  if (next === before || !isObject(next) || !isObject(before)) return next;
  if (Array.isArray(next)) return Array.isArray(before) ? sharingItems(next, before) : next;
  return Array.isArray(before) ? next : sharingKeys(next, before);
}

/** What was put in or taken out somewhere leaves all items as they are, counted from one of the two ends. */
function sharingItems(next: unknown[], before: readonly unknown[]): readonly unknown[] {
  const shift = before.length - next.length;
  let isSame = shift === 0;
  for (const [i, item] of next.entries()) {
    let shared = sharing(item, before[i]);
    if (shared !== before[i] && shift !== 0) shared = sharing(item, before[i + shift]);
    next[i] = shared;
    isSame &&= shared === before[i];
  }
  return isSame ? before : next;
}

function sharingKeys(next: Values, before: Values): Values {
  const keys = Object.keys(next);
  const known = Object.keys(before);
  let isSame = keys.length === known.length;
  for (const [i, key] of keys.entries()) {
    const item = next[key];
    isSame &&= known[i] === key;
    if (isObject(item) && Object.hasOwn(before, key)) next[key] = sharing(item, before[key]);
    isSame &&= next[key] === before[key];
  }
  return isSame ? before : next;
}

type Values = Record<string, unknown>;

export function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null;
}
