// BPF objects pinned below /sys/fs/bpf by Torii. They outlive programs and namespaces, so "nothing is left" has to look
// there too.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = '/sys/fs/bpf';

/** Paths with "torii" in them; none where no bpffs is mounted. */
export function pinnedObjects(): readonly string[] {
  try {
    return readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.includes('torii'))
      .map((path) => join(root, path));
  } catch {
    return [];
  }
}
