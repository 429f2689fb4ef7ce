// Durations as people write and read them: "90s", "1h30m" in; "3 h 12 min" out. Pure.

import { ToriiError } from '../errors.ts';

const unitSec = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** Seconds of "45s", "30m", "1h30m", "2d"; throws usage. */
export function parseDurationSec(text: string): number {
  const parts = [...text.matchAll(/(\d{1,6})([smhd])/g)];
  const isWhole = parts.map(([all]) => all).join('') === text;
  const total = parts.reduce((sum, [, number, unit]) => sum + Number(number) * unitSec[unit as keyof typeof unitSec], 0);
  if (!isWhole || total === 0) throw new ToriiError('usage', `--for: expected a time like 45s, 30m, 1h30m or 2d, got ${text}`);
  return total;
}

/** The two largest units: "5 s", "3 h 12 min", "2 d 4 h". */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first === -1) return '0 s';
  const shown = parts.slice(first, first + 2).filter(([value]) => value > 0);
  return shown.map(([value, unit]) => `${value} ${unit}`).join(' ');
}
