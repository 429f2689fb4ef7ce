// Text of a document → Config, or every problem with its place. Pure; the config worker runs it.
//
// Four passes, each only when the one before found nothing: YAML or JSON, schema, rules between keys together with
// what this version cannot do, normal form. Secrets stay references here; secrets.ts reads them. Given the document before, all
// but the first pass over what is the same in both; the result, problems and places are those of reading it alone.

import type { z } from 'zod';
import { ToriiError } from '../errors.ts';
import type { Config } from './config.ts';
import { type Fitted, fit } from './fit.ts';
import type { JsonText } from './json-change.ts';
import { normalise } from './normalise.ts';
import { formatProblem, type Path, type Problem } from './problem.ts';
import { formatWarning, Report, type Warning } from './report.ts';
import { type Checked, checkRules } from './rules.ts';
import { sharing } from './same-values.ts';
import { keysOf } from './schema.ts';
import { readTree } from './tree.ts';
import { reportUnsupported } from './unsupported.ts';

/** A document that was read without a problem, for the next one. */
export interface ReadDocument extends Fitted, Checked {
  /** Null where it is no JSON. */
  readonly text: string | null;
  readonly config: Config;
}

export type ParseResult =
  | {
      readonly kind: 'ok';
      readonly config: Config;
      readonly warnings: readonly Warning[];
      readonly lineOf: (path: Path) => number;
      readonly read: ReadDocument;
    }
  | { readonly kind: 'bad'; readonly problems: readonly Problem[]; readonly warnings: readonly Warning[] };

/** What a document is read for: to run it, or only to send a capture through its packet path. */
export type Purpose = 'run' | 'replay';

export function parseDocument(text: string, purpose: Purpose = 'run', before?: ReadDocument): ParseResult {
  const read = readTree(text, isJson(before) ? before : undefined);
  if ('problems' in read) return { kind: 'bad', problems: read.problems, warnings: [] };
  const tree = { ...read.tree, value: sharing(read.tree.value, before?.value) };
  const report = new Report(tree);
  const result = fit(tree.value, before);
  if (!result.success) {
    for (const issue of result.error.issues) reportIssue(issue, [], report);
    return { kind: 'bad', problems: report.problems, warnings: [] };
  }
  const document = result.data;
  const checked = checkRules(document, report, before);
  // All of that is about devices and probes, of which a replay has none.
  if (purpose === 'run') reportUnsupported(document, report);
  if (report.failed) return { kind: 'bad', problems: report.problems, warnings: report.warnings };
  const lineOf = (path: Path): number => tree.locate(path, 'value').line;
  const config = normalise(checked, before);
  return {
    kind: 'ok',
    config,
    warnings: report.warnings,
    lineOf,
    read: { text: tree.isJson ? text : null, value: tree.value, ...checked, config },
  };
}

function isJson(before: ReadDocument | undefined): before is ReadDocument & JsonText {
  return before !== undefined && before.text !== null;
}

export interface ParsedDocument {
  readonly config: Config;
  readonly warnings: readonly string[];
  /** "torii.yaml:7" */
  readonly placeOf: (path: Path) => string;
  readonly read: ReadDocument;
}

export interface ParseOptions {
  readonly purpose?: Purpose;
  readonly before?: ReadDocument | undefined;
}

/** Like `parseDocument`, with the problems as one config_invalid error whose detail lists them. */
export function parseOrThrow(text: string, fileName: string, { purpose, before }: ParseOptions = {}): ParsedDocument {
  const result = parseDocument(text, purpose, before);
  if (result.kind === 'ok')
    return {
      config: result.config,
      warnings: result.warnings.map((warning) => formatWarning(warning, fileName)),
      placeOf: (path) => `${fileName}:${result.lineOf(path)}`,
      read: result.read,
    };
  const lines = result.problems.map((problem) => formatProblem(problem, fileName));
  throw new ToriiError('config_invalid', lines.join('\n'), { detail: { problems: lines } });
}

/** "torii.yaml:7", of a document that was accepted before: it is read again, once a place is asked for. */
export function placesIn(text: string, fileName: string): (path: Path) => string {
  let read: ReturnType<typeof readTree> | undefined;
  return (path) => {
    read ??= readTree(text);
    return 'tree' in read ? `${fileName}:${read.tree.locate(path, 'value').line}` : fileName;
  };
}

function reportIssue(issue: z.core.$ZodIssue, above: Path, report: Report): void {
  const path: Path = [...above, ...issue.path.map((segment) => (typeof segment === 'symbol' ? String(segment) : segment))];
  if (issue.code === 'unrecognized_keys') {
    const names = keysOf(issue.message);
    for (const key of issue.keys)
      report.problem([...path, key], issue.message, { got: `the unknown key ${JSON.stringify(key)}`, part: 'key', names });
    return;
  }
  if (issue.code === 'invalid_key') {
    const name = path.at(-1);
    report.problem(path, issue.issues[0]?.message ?? 'a name', { got: JSON.stringify(name), part: 'key' });
    return;
  }
  // A union that was given a value of the right shape: the problem is inside that shape.
  const branch =
    issue.code === 'invalid_union' ? issue.errors.find((issues) => issues.length > 0 && issues.every(isInside)) : undefined;
  if (branch !== undefined) for (const inner of branch) reportIssue(inner, path, report);
  else if (issue.code === 'invalid_union') reportUnion(issue, path, report);
  else report.problem(path, issue.message);
}

/** No shape fits; a key that none of them has says more than "a mapping". */
function reportUnion({ errors, message }: z.core.$ZodIssueInvalidUnion, path: Path, report: Report): void {
  const unknown = errors.flat().filter((each) => each.code === 'unrecognized_keys' && each.path.length === 0);
  const names = [...new Set(unknown.flatMap((each) => keysOf(each.message)))];
  const key = unknown
    .flatMap((each) => (each.code === 'unrecognized_keys' ? each.keys : []))
    .find((each) => !names.includes(each));
  if (key === undefined) return report.problem(path, message);
  report.problem([...path, key], message, { got: `the unknown key ${JSON.stringify(key)}`, part: 'key', names });
}

function isInside(issue: z.core.$ZodIssue): boolean {
  return issue.path.length > 0;
}
