// The Keeper on the state directory: the last good document and what operators said. Runs in the config worker.

import { join } from 'node:path';
import { lastGoodFile, readLastGood, writeLastGood } from '../config/last-good.ts';
import { readIfThere, writeDurably } from '../config/state-dir.ts';
import { messageOf } from '../errors.ts';
import { readSaved, savedText } from './overrides.ts';
import type { Keeper, LastGood, SavedWords } from './ports.ts';

const wordsFile = 'overrides.json';

export class DiskKeeper implements Keeper {
  readonly lastGood: LastGood | undefined;
  readonly words: SavedWords | undefined;
  readonly trouble: string | null;
  readonly #directory: string;

  /** Reads both. What cannot be read is missing, and said: a node serves without its memory rather than not at all. */
  constructor(directory: string) {
    this.#directory = directory;
    const troubles: string[] = [];
    const attempt = <T>(file: string, read: () => T): T | undefined => {
      try {
        return read();
      } catch (error) {
        troubles.push(`${join(directory, file)} cannot be read: ${messageOf(error)}`);
        return undefined;
      }
    };
    this.lastGood = attempt(lastGoodFile, () => readLastGood(directory));
    const text = attempt(wordsFile, () => readIfThere(directory, wordsFile));
    this.words = text === undefined ? undefined : readSaved(text);
    if (text !== undefined && this.words === undefined) {
      troubles.push(`${join(directory, wordsFile)} is damaged: what operators said before this start is forgotten`);
    }
    this.trouble = troubles.length === 0 ? null : troubles.join('; ');
  }

  saveLastGood(lastGood: LastGood): void {
    writeLastGood(this.#directory, lastGood);
  }

  saveWords(words: SavedWords): void {
    writeDurably(join(this.#directory, wordsFile), savedText(words));
  }
}
