// What `torii check FILE` and its API twin say of a document, without applying it. Pure: secrets are not read, so a
// document can be checked on a machine that must not have them.

import { parseDocument } from './parse.ts';
import { formatProblem } from './problem.ts';
import { formatWarning } from './report.ts';

export interface CheckSummary {
  readonly tenants: number;
  readonly vips: number;
  readonly pools: number;
  readonly backends: number;
  readonly peers: number;
}

export interface CheckResult {
  /** Empty when the document would be accepted. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /** Null when there are problems. */
  readonly summary: CheckSummary | null;
}

export function checkDocument(text: string, fileName: string): CheckResult {
  const result = parseDocument(text);
  const warnings = result.warnings.map((warning) => formatWarning(warning, fileName));
  if (result.kind === 'bad') {
    return { problems: result.problems.map((problem) => formatProblem(problem, fileName)), warnings, summary: null };
  }
  const { tenants, vips, pools, node } = result.config;
  return {
    problems: [],
    warnings,
    summary: {
      tenants: tenants.length,
      vips: vips.length,
      pools: pools.length,
      backends: pools.reduce((sum, pool) => sum + pool.backends.length, 0),
      peers: node.speaker?.peers.length ?? 0,
    },
  };
}
