// Collects the problems and warnings of one document, each with its place. Pure.
//
// Bounded: a document with ten thousand wrong lines answers with the first hundred and the number of the others,
// since each position may have to be looked up in the YAML tree.

import { nearText } from '../model/near.ts';
import { type Path, type Problem, pathText, shownValue, valueAt } from './problem.ts';
import type { Tree } from './tree.ts';

const maxProblems = 100;
/** Each may look through the names of all pools. */
const maxSuggestions = 10;

export interface Warning {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

export function formatWarning(warning: Warning, fileName: string): string {
  return `${warning.path}: ${warning.text} (${fileName}:${warning.line})`;
}

export interface ProblemOptions {
  /** What came, where the plain value does not say it. */
  readonly got?: string;
  readonly part?: 'key' | 'value';
  /** What could have stood there: one that is written nearly so is suggested. */
  readonly names?: readonly string[];
}

export class Report {
  readonly #tree: Tree;
  readonly #problems: Problem[] = [];
  readonly #warnings: Warning[] = [];
  #left = 0;
  #suggestions = 0;

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  problem(path: Path, expected: string, { got, part = 'value', names = [] }: ProblemOptions = {}): void {
    if (this.#problems.length >= maxProblems) {
      this.#left++;
      return;
    }
    const value = valueAt(this.#tree.value, path);
    const suggestion = this.#suggestion(part === 'key' ? path.at(-1) : value, names);
    const shown = `${got ?? shownValue(value, path)}${suggestion}`;
    this.#problems.push({ path: pathText(path), expected, got: shown, ...this.#tree.locate(path, part) });
  }

  #suggestion(wanted: unknown, names: readonly string[]): string {
    if (typeof wanted !== 'string' || names.length === 0 || this.#suggestions >= maxSuggestions) return '';
    this.#suggestions++;
    return nearText(wanted, names);
  }

  /** Whether the document itself says something there: defaults are no longer told apart in what the schema made of it. */
  isWritten(path: Path): boolean {
    return valueAt(this.#tree.value, path) !== undefined;
  }

  warn(path: Path, text: string): void {
    if (this.#warnings.length >= maxProblems) return;
    this.#warnings.push({ path: pathText(path), line: this.#tree.locate(path, 'value').line, text });
  }

  get failed(): boolean {
    return this.#problems.length > 0;
  }

  /** From the document's top to its end. */
  get problems(): readonly Problem[] {
    const problems = this.#problems.toSorted((a, b) => a.line - b.line);
    if (this.#left === 0) return problems;
    const rest: Problem = { path: '', expected: 'no further problem', got: `${this.#left} more`, line: 1, column: 1 };
    return [...problems, rest];
  }

  get warnings(): readonly Warning[] {
    return this.#warnings;
  }
}
