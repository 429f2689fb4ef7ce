// A document in a file. Runs on the main thread, which only reads the text; the config worker parses it.
//
// Watches the directory rather than the file: editors and deployment tools replace a file by renaming another over
// it, which a watch on the old inode never sees. A symlinked file (Kubernetes-style) is watched at both ends.
// Changes are awaited until the file has been quiet for a moment, so that a half-written one is not read; one that came
// whole, by a rename, is read sooner.

import { type FSWatcher, statSync, watch as watchPath } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { messageOf, ToriiError } from '../errors.ts';
import { documentText } from './document-text.ts';
import type { ConfigSource, SourceText } from './source.ts';

const quietMs = 50;
const renamedQuietMs = 10;
const maxBytes = 64 * 1024 * 1024;

export class FileSource implements ConfigSource {
  readonly name: string;
  #latest: SourceText = { revision: 0, text: '' };

  constructor(path: string) {
    this.name = resolve(path);
  }

  async read(): Promise<SourceText> {
    let bytes: Buffer;
    try {
      bytes = await readFile(this.name);
    } catch (error) {
      throw new ToriiError('config_unreadable', `expected a readable document at ${this.name}: ${messageOf(error)}`, {
        cause: error,
      });
    }
    if (bytes.length > maxBytes) {
      throw new ToriiError('config_unreadable', `expected at most ${maxBytes} bytes in ${this.name}, got ${bytes.length}`);
    }
    const text = documentText(bytes, this.name);
    if (this.#latest.revision === 0 || text !== this.#latest.text) this.#latest = { revision: this.#latest.revision + 1, text };
    return this.#latest;
  }

  watch(onChange: () => void): () => void {
    const watchers: FSWatcher[] = [];
    let quiet: NodeJS.Timeout | undefined;
    let isStopped = false;
    const changed = (event: string, file: string): void => {
      clearTimeout(quiet);
      // A new name with text behind it was renamed, or its writer's changes are still to be told.
      quiet = setTimeout(onChange, event === 'rename' && hasText(file) ? renamedQuietMs : quietMs);
    };
    const add = (file: string): void => {
      if (isStopped) return;
      try {
        const watcher = watchPath(dirname(file), { persistent: false }, (event, name) => {
          // ..data is the link that Kubernetes swaps for all files of a volume at once.
          if (name === null || name === basename(file) || name === '..data') changed(event, file);
        });
        // A directory that is removed ends its watch; SIGHUP and the API still reload.
        watcher.on('error', () => watcher.close());
        watchers.push(watcher);
      } catch {
        // No such directory, or no inotify watches left: reading reports what matters to the operator.
      }
    };
    add(this.name);
    realpath(this.name).then(
      (real) => real !== this.name && add(real),
      () => undefined,
    );
    return () => {
      isStopped = true;
      clearTimeout(quiet);
      for (const watcher of watchers) watcher.close();
    };
  }
}

/** Whether reading failed since there is no file. */
export function isMissing(error: unknown): boolean {
  const { code } = ((error as Error | undefined)?.cause ?? {}) as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function hasText(file: string): boolean {
  try {
    return statSync(file).size > 0;
  } catch {
    return false;
  }
}
