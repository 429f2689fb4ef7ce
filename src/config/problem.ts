// A problem of a document: where, what was expected, what came; and how it is written for people. Pure.
//
// Values are shown shortened, and never where a secret belongs: people paste these lines into tickets.

/** Keys and list positions from the document's top. */
export type Path = readonly (string | number)[];

export interface Position {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

export interface Problem extends Position {
  /** "pools.web.backends[0].weight"; empty for the whole document. */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
}

/** `pools.web.backends[0].weight: expected 0..65535, got -1 (torii.yaml:31)` */
export function formatProblem(problem: Problem, fileName: string): string {
  const where = problem.path === '' ? '' : `${problem.path}: `;
  return `${where}expected ${problem.expected}, got ${problem.got} (${fileName}:${problem.line})`;
}

export function pathText(path: Path): string {
  let text = '';
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (/^[A-Za-z0-9_-]+$/.test(segment)) text += text === '' ? segment : `.${segment}`;
    else text += `[${JSON.stringify(segment)}]`;
  }
  return text;
}

const secretKeys: ReadonlySet<string> = new Set(['secret', 'password']);

/** The value at `path` as a problem may show it. */
export function shownValue(value: unknown, path: Path): string {
  if (path.some((segment) => secretKeys.has(String(segment))) && typeof value !== 'object') {
    // What stands under file, env or credential is no secret, unless it was put there by mistake.
    return secretKeys.has(String(path.at(-1))) ? 'an inline value' : 'something else, which is not shown as it may be the secret';
  }
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value !== null && typeof value === 'object') return 'a mapping';
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const segment of path) {
    if (!has(value, segment)) return undefined;
    value = value[segment];
  }
  return value;
}

/** The part of the path that leads somewhere. */
export function existingPart(root: unknown, path: Path): Path {
  let value = root;
  for (const [depth, segment] of path.entries()) {
    if (!has(value, segment)) return path.slice(0, depth);
    value = value[segment];
  }
  return path;
}

function has(value: unknown, segment: string | number): value is Record<string | number, unknown> {
  return value !== null && typeof value === 'object' && Object.hasOwn(value, segment);
}
