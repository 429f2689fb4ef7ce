// Turns a source's text into a document that can be applied: parse, rules, secrets. Runs in the config worker.

import { type ParseOptions, parseOrThrow, placesIn } from '../config/parse.ts';
import { readClusterSecret } from '../config/secrets.ts';
import { ToriiError } from '../errors.ts';
import { guard } from './guard.ts';
import { restartNeeded } from './node-changes.ts';
import { isSamePasswords, readPeerPasswords } from './peer-passwords.ts';
import type { LoadedDocument } from './store.ts';

interface Loading {
  readonly env: NodeJS.ProcessEnv;
  /** In force now: what is the same in both is not looked at again. */
  readonly before?: LoadedDocument;
}

/** Throws config_invalid or secret_unreadable, every problem with its place. */
export function loadDocument(source: string, text: string, { env, before }: Loading): LoadedDocument {
  const { loaded, placeOf } = load(source, text, env, { before: before?.read });
  return { ...loaded, peerPasswords: readPeerPasswords(loaded.config, env, placeOf) };
}

/** For a replay, on machines that need not have the peers' passwords, nor be able to run all of the document. */
export function loadSilentDocument(source: string, text: string, env: NodeJS.ProcessEnv): LoadedDocument {
  return load(source, text, env, { purpose: 'replay' }).loaded;
}

function load(source: string, text: string, env: NodeJS.ProcessEnv, options: ParseOptions) {
  const { config, warnings, placeOf, read } = parseOrThrow(text, source, options);
  const at = config.clusterSecret === null ? '' : placeOf(['cluster', 'secret']);
  const clusterSecret = readClusterSecret(config.clusterSecret, env, at);
  const loaded: LoadedDocument = { source, text, config, clusterSecret, peerPasswords: new Map(), warnings, read };
  return { loaded, placeOf };
}

/** Throws what forbids taking `next` after `old`: restart_needed, or config_guarded unless forced. */
export function admitDocument(old: LoadedDocument, next: LoadedDocument, force: boolean): void {
  const restart = restartNeeded(old.config.node, next.config.node, placesIn(next.text, next.source));
  if (restart !== null) throw new ToriiError('restart_needed', restart);
  const refusal = force ? null : guard(old.config, next.config);
  if (refusal !== null) throw new ToriiError('config_guarded', refusal);
}

/** Same text from the same place with the same secrets. */
export function isSameDocument(a: LoadedDocument, b: LoadedDocument): boolean {
  const hasSameSecrets = a.clusterSecret === b.clusterSecret && isSamePasswords(a.peerPasswords, b.peerPasswords);
  return a.source === b.source && a.text === b.text && hasSameSecrets;
}
