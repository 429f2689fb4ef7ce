// Command-line arguments that `torii-lab`, the demo, the benches and the conformance suite share, and how they fail: one
// sentence, the error's exit code.

import { errorTable, messageOf, ToriiError } from '../../src/errors.ts';
import { isKept } from './lab.ts';
import { defaultOptions, type EcmpKind, ecmpKinds, type LabOptions, maxNodes, type RouterKind, routerKinds } from './topology.ts';

export const labArguments = {
  name: { type: 'string' },
  balancers: { type: 'string' },
  backends: { type: 'string' },
  router: { type: 'string' },
  engine: { type: 'string' },
  ecmp: { type: 'string' },
} as const;

type LabArguments = { readonly [Key in keyof typeof labArguments]?: string | undefined };

/** Lab options from arguments; what is absent keeps its default, what is wrong throws. */
export function labOptions(values: LabArguments, defaults: LabOptions = defaultOptions): LabOptions {
  return {
    ...defaults,
    name: values.name ?? defaults.name,
    balancers: nodeCount('balancers', values.balancers, defaults),
    backends: nodeCount('backends', values.backends, defaults),
    router: routerKind(values.router ?? defaults.router),
    engine: values.engine ?? defaults.engine,
    ecmp: ecmpKind(values.ecmp ?? defaults.ecmp),
  };
}

/** The router of that name; throws where there is none. */
export function routerKind(text: string): RouterKind {
  const kind = routerKinds.find((each) => each === text);
  if (kind === undefined) throw new ToriiError('usage', `--router: expected ${routerKinds.join(', ')}, got ${text}`);
  return kind;
}

function ecmpKind(text: string): EcmpKind {
  const kind = ecmpKinds.find((each) => each === text);
  if (kind === undefined) throw new ToriiError('usage', `--ecmp: expected ${ecmpKinds.join(' or ')}, got ${text}`);
  return kind;
}

function nodeCount(what: 'balancers' | 'backends', text: string | undefined, defaults: LabOptions): number {
  if (text === undefined) return defaults[what];
  if (!/^\d{1,9}$/.test(text)) throw new ToriiError('usage', `--${what}: expected 1..${maxNodes}, got ${text}`);
  return Number(text);
}

/** The lines of a help text about what both have in common. */
export function labArgumentsText(defaults: LabOptions): string {
  return `  --name NAME       tells labs apart             [${defaults.name}]
  --balancers N     how many                     [${defaults.balancers}]
  --backends N      how many                     [${defaults.backends}]
  --router KIND     bird, frr or gobgp           [${defaults.router}]
  --engine ENGINE   the balancers' packet engine [${defaults.engine}]
  --ecmp KIND       plain or resilient next hops [${defaults.ecmp}]`;
}

/** Building a lab takes down what has its name; one that was left standing on purpose is worth a word. */
export function replacedText(name: string): string | null {
  return isKept(name) ? `The lab ${name}, which an earlier run left standing, is taken down first (--name makes another).` : null;
}

/** Says what went wrong on standard error; a defect of the lab itself comes with its stack. */
export function failWith(program: string, error: unknown): void {
  const isUsage = error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS');
  const isExpected = isUsage || (error instanceof ToriiError && error.code !== 'internal');
  console.error(isExpected || !(error instanceof Error) ? `${program}: ${messageOf(error)}` : error);
  process.exitCode = isUsage
    ? errorTable.usage.exitCode
    : error instanceof ToriiError
      ? error.exitCode
      : errorTable.internal.exitCode;
}
