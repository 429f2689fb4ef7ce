// The Keeper on the state directory: the last good document and what operators said. Runs in the config worker.

import { join } from 'node:path';
import { readLastGood, writeLastGood } from '../config/last-good.ts';
import { readIfThere, writeDurably } from '../config/state-dir.ts';
import { readSaved, savedText } from './overrides.ts';
import type { Keeper, LastGood, SavedWords } from './ports.ts';

const wordsFile = 'overrides.json';

export class DiskKeeper implements Keeper {
  readonly lastGood: LastGood | undefined;
  readonly words: SavedWords | undefined;
  readonly #directory: string;

  /** Reads both. Throws the file system's error when a file is there but cannot be read. */
  constructor(directory: string) {
    this.#directory = directory;
    this.lastGood = readLastGood(directory);
    const text = readIfThere(directory, wordsFile);
    this.words = text === undefined ? undefined : readSaved(text);
  }

  saveLastGood(lastGood: LastGood): void {
    writeLastGood(this.#directory, lastGood);
  }

  saveWords(words: SavedWords): void {
    writeDurably(join(this.#directory, wordsFile), savedText(words));
  }
}
