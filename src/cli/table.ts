// Tables for a terminal: aligned columns, numbers to the right, tones only where the terminal has colour. Pure.
//
// Text from outside (a router's shutdown message, a backend's answer) may hold control characters; none reaches the
// terminal.

export type Tone = 'good' | 'warn' | 'bad' | 'plain';

export interface Cell {
  readonly text: string;
  readonly tone: Tone;
}

export interface Column<Row> {
  readonly title: string;
  readonly align?: 'left' | 'right';
  readonly cell: (row: Row) => string | Cell;
}

export interface Screen {
  readonly hasColour: boolean;
  readonly nowMs: number;
}

const tones = { good: '\u001b[32m', warn: '\u001b[33m', bad: '\u001b[31m', plain: '' } as const;
const gap = '  ';

export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], screen: Screen): string {
  const cells = rows.map((row) => columns.map(({ cell }) => asCell(cell(row))));
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...cells.map((line) => line[i]?.text.length ?? 0)));
  const pad = (cell: Cell, i: number): string => {
    const width = widths[i] ?? 0;
    const spaces = ' '.repeat(Math.max(0, width - cell.text.length));
    const text = paint(cell, screen);
    return columns[i]?.align === 'right' ? spaces + text : text + spaces;
  };
  const titles = columns.map(({ title }, i) => pad(asCell(title), i));
  return [titles, ...cells.map((line) => line.map(pad))].map((line) => `${line.join(gap).trimEnd()}\n`).join('');
}

export function paint({ text, tone }: Cell, { hasColour }: Screen): string {
  return hasColour && tone !== 'plain' && text !== '' ? `${tones[tone]}${text}\u001b[0m` : text;
}

/** Text without control, format (bidirectional overrides among them) and line-separator characters. */
export function clean(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ');
}

/** 1234567 → "1,234,567". */
export function number(value: number): string {
  return value.toLocaleString('en-US');
}

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Three significant digits in powers of 1000: "1.21 GB". */
export function bytes(value: number): string {
  const power = Math.min(byteUnits.length - 1, value < 1000 ? 0 : Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** power;
  return `${power === 0 ? value : scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)} ${byteUnits[power] ?? ''}`;
}

function asCell(cell: string | Cell): Cell {
  return typeof cell === 'string' ? { text: clean(cell), tone: 'plain' } : { text: clean(cell.text), tone: cell.tone };
}
