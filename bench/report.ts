// How benchmarks speak: a table for people, or with --json one line per measure (docs/benchmarks.md).
//
// A measure over its limit is marked, never fatal: machines differ, and CI prints figures without judging them.

export interface Measure {
  readonly name: string;
  /** Null: could not be measured here. */
  readonly value: number | null;
  /** Why not. */
  readonly skipped?: string;
  readonly unit: string;
  readonly limit?: number;
  /** The limit is a floor: at least so much is wanted. */
  readonly atLeast?: boolean;
}

export interface BenchOptions {
  readonly isJson: boolean;
  /** Fewer rounds, for CI. */
  readonly isQuick: boolean;
}

export function benchOptions(argv: readonly string[] = process.argv.slice(2)): BenchOptions {
  const unknown = argv.find((word) => word !== '--json' && word !== '--quick');
  if (unknown !== undefined) {
    process.stderr.write(`bench: expected --json or --quick, got ${unknown}\n`);
    process.exit(64);
  }
  return { isJson: argv.includes('--json'), isQuick: argv.includes('--quick') };
}

/** Prints each measure as it comes. Where nobody reads on (`| head`) that counts as an interrupt: it takes down what was built. */
export function reporter({ isJson }: BenchOptions): (measure: Measure) => void {
  process.stdout.on('error', () => process.kill(process.pid, 'SIGTERM'));
  return ({ name, value, unit, limit, atLeast, skipped }) => {
    const rounded = value === null ? null : Math.round(value * 1000) / 1000;
    if (isJson) {
      const mark = value === null ? { skipped: true, ...(skipped === undefined ? {} : { reason: skipped }) } : {};
      process.stdout.write(
        `${JSON.stringify({ name, value: rounded, unit, ...(limit === undefined ? {} : { limit }), ...mark })}\n`,
      );
      return;
    }
    const isMissed = limit !== undefined && value !== null && (atLeast === true ? value < limit : value > limit);
    const bound = limit === undefined ? '' : `${atLeast === true ? '≥' : '≤'} ${limit}${isMissed ? '  missed' : ''}`;
    const why = skipped === undefined ? '' : `  (${skipped})`;
    process.stdout.write(`${name.padEnd(64)} ${String(rounded ?? 'skipped').padStart(10)} ${unit.padEnd(10)} ${bound}${why}\n`);
  };
}

/** The best of several tries: on a shared machine everything but the best is somebody else's work. */
export function best(tries: number, measure: () => number): number {
  return Math.min(...Array.from({ length: tries }, measure));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
