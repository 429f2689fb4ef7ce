// What a new document changes about this machine's own section: what can follow at once, and what needs a restart,
// because rings, tables or listeners are made from it once. Pure.

import type { NodeConfig } from '../config/config.ts';

/** Applied while running: addresses and answers with the snapshot, BGP by the speaker, the level by the logger. */
const live = { address: 'address', address6: 'address6', answers: 'answers', speaker: 'bgp' } as const;
const fixed = { devices: 'devices', flowTableEntries: 'flowTable.entries', api: 'api' } as const;

export function nodeChanges(old: NodeConfig, next: NodeConfig): readonly string[] {
  const lines = changed(old, next, live).map((key) => `node.${key}: changed`);
  if (old.logs.level !== next.logs.level) lines.push(`node.logs.level: ${old.logs.level} → ${next.logs.level}`);
  return lines;
}

/** Null when the running process can follow; else which keys it cannot, and what to do. */
export function restartNeeded(old: NodeConfig, next: NodeConfig): string | null {
  const keys = changed(old, next, fixed);
  if (old.logs.format !== next.logs.format) keys.push('logs.format');
  if (keys.length === 0) return null;
  const names = keys.map((key) => `node.${key}`).join(', ');
  return `${names}: expected what torii was started with, got something else; restart torii to change it`;
}

function changed(old: NodeConfig, next: NodeConfig, keys: Partial<Record<keyof NodeConfig, string>>): string[] {
  return Object.entries(keys)
    .filter(([key]) => JSON.stringify(old[key as keyof NodeConfig]) !== JSON.stringify(next[key as keyof NodeConfig]))
    .map(([, name]) => name);
}
