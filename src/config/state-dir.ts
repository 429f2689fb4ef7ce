// Files that survive a restart: written whole, flushed, then renamed over the old one, so that a crash leaves either
// the old content or the new. Used by the config worker, where a slow disk delays no one else.

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

const defaultStateDir = '/var/lib/torii';

/** systemd's STATE_DIRECTORY (its first entry, if several), else the fixed place. */
export function stateDirectory(env: NodeJS.ProcessEnv): string {
  return env['STATE_DIRECTORY']?.split(':')[0] || defaultStateDir;
}

/** Throws the file system's error; the old content is then still there. */
export function writeDurably(path: string, text: string): void {
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  const draft = `${path}.new`;
  const file = openSync(draft, 'w', 0o640);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  const parent = openSync(directory, 'r');
  try {
    fsyncSync(parent);
  } finally {
    closeSync(parent);
  }
}

/** The file's text, or undefined where there is none. Throws on any other error. */
export function readIfThere(directory: string, name: string): string | undefined {
  try {
    return readFileSync(join(directory, name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
