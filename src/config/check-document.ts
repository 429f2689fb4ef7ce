// What `torii check FILE` says of a document, without applying it. A secret that cannot be read is a warning, since a
// document may be checked on a machine that must not have it. Reads files only where it is told to look for secrets.

import { messageOf } from '../errors.ts';
import type { Config } from './config.ts';
import { documentText } from './document-text.ts';
import { parseDocument } from './parse.ts';
import { formatProblem, type Path } from './problem.ts';
import { formatWarning } from './report.ts';
import { passwordPlace, readClusterSecret, readPassword } from './secrets.ts';

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

/** Like `checkDocument`, of a file as it is on disk. */
export function checkFile(bytes: Buffer, fileName: string, env?: NodeJS.ProcessEnv): CheckResult {
  let text: string;
  try {
    text = documentText(bytes, fileName);
  } catch (error) {
    return { problems: [messageOf(error)], warnings: [], summary: null };
  }
  return checkDocument(text, fileName, env);
}

/** `env`: where to look for secrets; without it none is looked for. */
export function checkDocument(text: string, fileName: string, env?: NodeJS.ProcessEnv): CheckResult {
  const result = parseDocument(text);
  const warnings = result.warnings.map((warning) => formatWarning(warning, fileName));
  if (result.kind === 'bad') {
    return { problems: result.problems.map((problem) => formatProblem(problem, fileName)), warnings, summary: null };
  }
  const { tenants, vips, localVips, pools, node } = result.config;
  const placeOf = (path: Path) => `${fileName}:${result.lineOf(path)}`;
  return {
    problems: [],
    warnings: env === undefined ? warnings : [...warnings, ...secretWarnings(result.config, env, placeOf)],
    summary: {
      tenants: tenants.length,
      vips: vips.length + localVips.length,
      pools: pools.length,
      backends: pools.reduce((sum, pool) => sum + pool.backends.length, 0),
      peers: node.speaker?.peers.length ?? 0,
    },
  };
}

function secretWarnings(config: Config, env: NodeJS.ProcessEnv, placeOf: (path: Path) => string): readonly string[] {
  const { clusterSecret, node } = config;
  return [
    () => readClusterSecret(clusterSecret, env, placeOf(['cluster', 'secret'])),
    ...node.peerPasswords.map((password) => () => readPassword(passwordPlace(password, placeOf), env)),
  ].flatMap((read) => {
    try {
      read();
      return [];
    } catch (error) {
      return [`${messageOf(error)}; torii would not start here`];
    }
  });
}
