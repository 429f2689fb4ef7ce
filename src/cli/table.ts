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
  /** Left out where the terminal is too narrow for all: the highest number first. */
  readonly spareable?: number;
}

export interface Screen {
  readonly hasColour: boolean;
  readonly nowMs: number;
  /** Of the terminal; absent where lines are as long as they like. */
  readonly widthColumns?: number | undefined;
}

const tones = { good: '\u001b[32m', warn: '\u001b[33m', bad: '\u001b[31m', plain: '' } as const;
const gap = '  ';

/** On a terminal that is too narrow columns are left out, and named below; the last one, mostly a reason, may wrap. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], screen: Screen): string {
  const { shown, spared } = fitting(columns, rows, screen.widthColumns ?? Number.POSITIVE_INFINITY);
  const note = spared.length === 0 ? '' : `(left out here: ${spared.join(', ')}; a wider terminal, a pipe and --json have all)\n`;
  return wholeTable(shown, rows, screen) + note;
}

function fitting<Row>(columns: readonly Column<Row>[], rows: readonly Row[], widthColumns: number) {
  const widthOf = ({ title, cell }: Column<Row>): number =>
    rows.reduce((width, row) => Math.max(width, asCell(cell(row)).text.length), title.length) + gap.length;
  const leastNeeded = columns.filter(({ spareable }) => spareable !== undefined);
  leastNeeded.sort((a, b) => (b.spareable ?? 0) - (a.spareable ?? 0));
  const spared = new Set<Column<Row>>();
  let width = columns.slice(0, -1).reduce((sum, column) => sum + widthOf(column), columns.at(-1)?.title.length ?? 0);
  for (const column of leastNeeded) {
    if (width <= widthColumns) break;
    spared.add(column);
    width -= widthOf(column);
  }
  const shown = columns.filter((column) => !spared.has(column));
  return { shown, spared: columns.filter((column) => spared.has(column)).map(({ title }) => title) };
}

function wholeTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], screen: Screen): string {
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
