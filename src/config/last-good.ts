// The last document that was applied and adopted by every packet worker, kept on disk for a boot at which the source
// is broken or unreachable. Runs in the config worker.
//
// The revision is kept with it, so that numbers keep growing over restarts. Secrets are not in the document.

import { join } from 'node:path';
import { ToriiError } from '../errors.ts';
import { readIfThere, writeDurably } from './state-dir.ts';

export const lastGoodFile = 'last-good.json';

export interface LastGood {
  readonly revision: number;
  /** Where the text came from, for the operator. */
  readonly source: string;
  readonly text: string;
}

export function writeLastGood(directory: string, lastGood: LastGood): void {
  writeDurably(join(directory, lastGoodFile), JSON.stringify(lastGood));
}

/**
 * Throws why the last good document may not stand in for `source`, where nothing is: the path may be a mistyped one, and then the
 * document of another file would run without anybody having asked for it.
 */
export function refuseOther(source: string, lastGood: Pick<LastGood, 'source'>, missing: string): void {
  if (lastGood.source === source) return;
  const other = `the last good document is of ${lastGood.source}, so it is not taken`;
  throw new ToriiError('config_unreadable', `${missing}; ${other}`);
}

/** Undefined where there is none, or where it is damaged: then it is of no use to anybody. */
export function readLastGood(directory: string): LastGood | undefined {
  const text = readIfThere(directory, lastGoodFile);
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<LastGood>;
    const { revision, source, text: document } = value;
    if (typeof revision !== 'number' || typeof source !== 'string' || typeof document !== 'string') return undefined;
    return { revision, source, text: document };
  } catch {
    return undefined;
  }
}
