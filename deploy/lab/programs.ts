// Where the built programs lie. The lab starts Torii, origins and generators from dist/ and native/build/, whether it
// runs from dist/ itself or, in tests, from its sources.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ToriiError } from '../../src/errors.ts';

function projectRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new ToriiError('internal', 'no package.json above the lab module');
    directory = parent;
  }
  return directory;
}

function required(path: string): string {
  if (!existsSync(path)) throw new ToriiError('internal', `${path} is not built: run npm run build`);
  return path;
}

/** A compiled TypeScript program, named relative to dist/. */
export function builtFile(name: string): string {
  return required(join(projectRoot(), 'dist', name));
}

/** A compiled native program, named relative to native/build/. */
export function nativeProgram(name: string): string {
  return required(join(projectRoot(), 'native', 'build', name));
}
