// What a new document changes about this machine's own section: what can follow at once, and what needs a restart,
// because rings, tables or listeners are made from it once. Pure. Both are told with the old and the new value.

import type { NodeConfig } from '../config/config.ts';
import type { Path } from '../config/problem.ts';
import { peerChanges } from './peer-changes.ts';
import { shownValue } from './shown-value.ts';

interface Key {
  readonly path: Path;
  readonly of: (node: NodeConfig) => unknown;
}

/** Applied while running: addresses and answers with the snapshot, BGP by the speaker, the level by the logger. */
const live: readonly Key[] = [
  { path: ['node', 'address'], of: ({ address }) => address },
  { path: ['node', 'address6'], of: ({ address6 }) => address6 },
  { path: ['node', 'answers', 'echo'], of: ({ answers }) => answers.echo },
  { path: ['node', 'answers', 'tooBig'], of: ({ answers }) => answers.tooBig },
  { path: ['node', 'answers', 'timeExceeded'], of: ({ answers }) => answers.timeExceeded },
  { path: ['node', 'bgp', 'speaker'], of: ({ speaker }) => speaker && (speaker.implementation ?? 'built-in') },
  { path: ['node', 'bgp', 'localAs'], of: ({ speaker }) => speaker?.localAs },
  { path: ['node', 'bgp', 'routerId'], of: ({ speaker }) => speaker?.routerId },
  { path: ['node', 'bgp', 'listen'], of: ({ speaker }) => speaker?.listen },
  { path: ['node', 'bgp', 'drainSec'], of: ({ speaker }) => speaker?.drainSec },
  { path: ['node', 'logs', 'level'], of: ({ logs }) => logs.level },
];

const fixed: readonly Key[] = [
  { path: ['node', 'devices'], of: ({ devices }) => devices },
  { path: ['node', 'flowTable', 'entries'], of: ({ flowTableEntries }) => flowTableEntries },
  { path: ['node', 'flows', 'records'], of: ({ flowRecords }) => flowRecords },
  { path: ['node', 'api', 'socket'], of: ({ api }) => api.socket },
  { path: ['node', 'api', 'listen'], of: ({ api }) => api.listen },
  { path: ['node', 'logs', 'format'], of: ({ logs }) => logs.format },
];

export function nodeChanges(old: NodeConfig, next: NodeConfig): readonly string[] {
  return [
    ...changed(live, old, next).map(({ path, of }) => `${path.join('.')}: ${shownValue(of(old))} → ${shownValue(of(next))}`),
    ...peerChanges(old.speaker?.peers ?? [], next.speaker?.peers ?? []),
  ];
}

/** Null when the running process can follow; else a line for each key that it cannot. `placeOf`: "torii.yaml:7". */
export function restartNeeded(old: NodeConfig, next: NodeConfig, placeOf: (path: Path) => string): string | null {
  const lines = changed(fixed, old, next).map(
    ({ path, of }) =>
      `${path.join('.')}: expected ${shownValue(of(old))}, as torii was started with, got ${shownValue(of(next))}; ` +
      `restart torii to change it (${placeOf(path)})`,
  );
  return lines.length === 0 ? null : lines.join('\n');
}

function changed(keys: readonly Key[], old: NodeConfig, next: NodeConfig): readonly Key[] {
  return keys.filter(({ of }) => JSON.stringify(of(old)) !== JSON.stringify(of(next)));
}
