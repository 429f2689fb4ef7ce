// What `torii capture` says when it has ended: what is in the file, what is not and why, and what ended it. Pure.

import type { CaptureStream } from './capture-stream.ts';
import { bytes as bytesText, clean, number } from './table.ts';

export interface Ended {
  readonly stream: CaptureStream;
  /** Null: standard output. */
  readonly out: string | null;
  readonly sample: number;
  readonly isInterrupted: boolean;
}

/** What `torii capture --json` prints. Packets are those that came in. */
export interface CaptureSummary {
  /** Null: standard output. */
  readonly file: string | null;
  readonly packets: number;
  /** Of them as they left, in the file beside them. */
  readonly left: number;
  /** Of the file. */
  readonly bytes: number;
  /** All that came meanwhile, and those that were asked for. */
  readonly received: number;
  readonly matched: number;
  /** Asked for and not in the file: left out by --sample and by --rate, and missed since the file was slower. */
  readonly sampledOut: number;
  readonly limited: number;
  readonly missed: number;
  /** "cut" where the connection ended before the capture did. */
  readonly end: string;
}

export function packetsText(count: number): string {
  return `${number(count)} packet${count === 1 ? '' : 's'}`;
}

const endWords: Readonly<Record<string, string>> = {
  count: '--count was reached',
  time: 'the time was over',
  size: '--bytes was reached',
  stopped: 'the node ended it',
  interrupted: 'interrupted',
  cut: 'cut off',
};

function summaryOf({ stream, out, sample, isInterrupted }: Ended): CaptureSummary {
  const { packets, frames, bytes, totals } = stream;
  const { received, matched, limited, missed, end } = totals;
  const sampledOut = sample === 1 ? 0 : Math.max(0, matched - packets - limited - missed);
  return {
    file: out,
    packets,
    left: frames - packets,
    bytes,
    received,
    matched,
    sampledOut,
    limited,
    missed,
    end: isInterrupted ? 'interrupted' : (end ?? 'cut'),
  };
}

export function summaryJson(ended: Ended): string {
  return `${JSON.stringify(summaryOf(ended))}\n`;
}

export function summaryText(ended: Ended): string {
  const { file, packets, left, bytes, received, matched, sampledOut, limited, missed, end } = summaryOf(ended);
  const where = file === null ? 'standard output' : clean(file);
  const leaving = left > 0 ? ` and ${number(left)} as they left` : '';
  const lines = [
    `${packetsText(packets)}${leaving} in ${where}, ${bytesText(bytes)}: ${endWords[end] ?? clean(end)}`,
    `  of ${number(received)} that came meanwhile ${number(matched)} were asked for`,
    ...(ended.sample === 1 ? [] : [`  ${number(sampledOut)} left out by --sample ${ended.sample}`]),
    ...(limited === 0 ? [] : [`  ${number(limited)} above the rate left out: --rate allows more, --sample spreads them`]),
    ...(missed === 0 ? [] : [`  ${number(missed)} missed, since OUT or the network was slower than they came`]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}
