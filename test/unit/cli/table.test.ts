import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, clean, number, table } from '../../../src/cli/table.ts';

const plain = { hasColour: false, nowMs: 0 };

describe('a table', () => {
  it('aligns columns, numbers to the right, without trailing blanks', () => {
    const rows = [
      { name: 'a', count: 5, why: '' },
      { name: 'long name', count: 1234, why: 'because' },
    ];
    const text = table(
      [
        { title: 'NAME', cell: ({ name }) => name },
        { title: 'N', align: 'right', cell: ({ count }) => number(count) },
        { title: 'REASON', cell: ({ why }) => why },
      ],
      rows,
      plain,
    );
    expect(text).toBe(['NAME           N  REASON', 'a              5', 'long name  1,234  because', ''].join('\n'));
  });

  it('colours only where the terminal can, and aligns the same', () => {
    const columns = [{ title: 'STATE', cell: (text: string) => ({ text, tone: 'bad' as const }) }];
    expect(table(columns, ['down'], plain)).not.toContain('\u001b');
    expect(table(columns, ['down'], { ...plain, hasColour: true })).toContain('\u001b[31mdown\u001b[0m');
  });

  it('leaves out what is least needed where the terminal is too narrow, and names it', () => {
    const columns = [
      { title: 'NAME', cell: (row: string) => row },
      { title: 'PACKETS', spareable: 1, cell: () => '1,234' },
      { title: 'NEXT HOP', spareable: 2, cell: () => '02:00:00:00:00:02 eth0' },
      { title: 'REASON', cell: () => 'a reason that is longer than all of the line, and wraps' },
    ];
    const titles = (widthColumns: number) =>
      table(columns, ['web1'], { ...plain, widthColumns })
        .split('\n')[0]
        ?.split(/ {2,}/);
    expect(titles(80)).toEqual(['NAME', 'PACKETS', 'NEXT HOP', 'REASON']);
    expect(titles(40)).toEqual(['NAME', 'PACKETS', 'REASON']);
    expect(titles(10)).toEqual(['NAME', 'REASON']);
    expect(table(columns, ['web1'], { ...plain, widthColumns: 40 })).toContain('(left out here: NEXT HOP; ');
    expect(table(columns, ['web1'], plain)).not.toContain('left out');
  });

  it('lets no control character of anybody reach the terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        expect(clean(text)).not.toMatch(/[\p{Cc}\u202a-\u202e]/u);
      }),
    );
    const text = table([{ title: 'REASON', cell: (row: string) => row }], ['\u001b[2Jgone\nforged line'], plain);
    expect(text).toBe('REASON\n [2Jgone forged line\n');
  });

  it('writes bytes with three digits and a unit', () => {
    expect([0, 999, 1000, 12_345, 999_999_999, 1.5e15].map(bytes)).toEqual([
      '0 B',
      '999 B',
      '1.00 kB',
      '12.3 kB',
      '1000 MB',
      '1.50 PB',
    ]);
  });
});
