// Turns a source's text into a document that can be applied: parse, rules, secrets. Runs in the config worker.

import { parseOrThrow, placesIn } from '../config/parse.ts';
import { readClusterSecret } from '../config/secrets.ts';
import { ToriiError } from '../errors.ts';
import { guard } from './guard.ts';
import { restartNeeded } from './node-changes.ts';
import type { LoadedDocument } from './store.ts';

/** Throws config_invalid or config_unreadable, every problem with its place. */
export function loadDocument(source: string, text: string, env: NodeJS.ProcessEnv): LoadedDocument {
  const { config, warnings, placeOf } = parseOrThrow(text, source);
  const clusterSecret = readClusterSecret(config.clusterSecret, env, placeOf(['cluster', 'secret']));
  return { source, text, config, clusterSecret, warnings };
}

/** Throws what forbids taking `next` after `old`: config_invalid, or config_guarded unless forced. */
export function admitDocument(old: LoadedDocument, next: LoadedDocument, force: boolean): void {
  const restart = restartNeeded(old.config.node, next.config.node, placesIn(next.text, next.source));
  if (restart !== null) throw new ToriiError('config_invalid', restart);
  const refusal = force ? null : guard(old.config, next.config);
  if (refusal !== null) throw new ToriiError('config_guarded', refusal);
}

/** Same text from the same place with the same secrets. */
export function isSameDocument(a: LoadedDocument, b: LoadedDocument): boolean {
  return a.source === b.source && a.text === b.text && a.clusterSecret === b.clusterSecret;
}
