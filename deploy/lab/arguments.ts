// Command-line arguments that `torii-lab` and the demo share, and how both fail: one sentence, the error's exit code.

import { errorTable, messageOf, ToriiError } from '../../src/errors.ts';
import { defaultOptions, type LabOptions } from './topology.ts';

export const labArguments = {
  name: { type: 'string' },
  balancers: { type: 'string' },
  backends: { type: 'string' },
  router: { type: 'string' },
  engine: { type: 'string' },
} as const;

type LabArguments = { readonly [Key in keyof typeof labArguments]?: string | undefined };

/** Lab options from arguments; what is absent keeps its default, what is wrong throws. */
export function labOptions(values: LabArguments, defaults: LabOptions = defaultOptions): LabOptions {
  const router = values.router ?? defaults.router;
  if (router !== 'bird' && router !== 'frr') throw new ToriiError('usage', `--router: expected bird or frr, got ${router}`);
  return {
    name: values.name ?? defaults.name,
    balancers: Number(values.balancers ?? defaults.balancers),
    backends: Number(values.backends ?? defaults.backends),
    router,
    engine: values.engine ?? defaults.engine,
  };
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
