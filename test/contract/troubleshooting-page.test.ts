import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/troubleshooting.md', root), 'utf8');
const source = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(new URL(`src/${path}`, root), 'utf8'))
  .join('\n');

/** The first cell of each row, in pieces that stand in one string of the source. */
const rows = page.split('\n').flatMap((line) => /^\| (.*?) \|/.exec(line)?.[1] ?? []);
const pieces = rows.slice(1).flatMap((cell) =>
  cell
    .split(/[…:(),`]/)
    .map((piece) => piece.trim())
    .filter((piece) => piece.length > 6),
);
const saidByNode: readonly string[] = ['connect ECONNREFUSED'];

describe('the page on trouble', () => {
  it('quotes what torii says', () => {
    expect(pieces.length).toBeGreaterThan(15);
    expect(pieces.filter((piece) => !source.includes(piece) && !saidByNode.includes(piece))).toEqual([]);
  });

  it('is linked from the README', () => {
    expect(readFileSync(new URL('README.md', root), 'utf8')).toContain('(docs/troubleshooting.md)');
  });
});
