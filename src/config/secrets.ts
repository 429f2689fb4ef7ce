// Reads the secrets that a document refers to: files, environment variables, systemd credentials. Runs in the config
// worker, after parsing and before resolving; parse itself stays pure. Values are never logged or shown.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, ToriiError } from '../errors.ts';
import type { PeerPassword } from './config.ts';
import { type Path, pathText } from './problem.ts';
import type { SecretRef } from './schema.ts';

/** The key of a cluster whose document names none: the same on every node, and no secret. */
export const publicClusterSecret = '746f7269692e7075626c69632e636c75737465722e6b65792e76312e2e2e2e2e';

/** 64 hex digits. Throws secret_unreadable when the secret is missing, config_invalid when it is no such key. `place`: "torii.yaml:7". */
export function readClusterSecret(ref: SecretRef | null, env: NodeJS.ProcessEnv, place = ''): string {
  if (ref === null) return publicClusterSecret;
  const at = place === '' ? '' : ` (${place})`;
  const text = readSecret({ path: 'cluster.secret', ref, at }, env).trim();
  if (!/^[0-9a-fA-F]{64}$/.test(text)) {
    const got = text.length === 64 ? '64 characters that are not all hex digits' : `${text.length} characters`;
    throw new ToriiError('config_invalid', `cluster.secret: expected 64 hex digits in ${placeOf(ref)}, got ${got}${at}`);
  }
  return text.toLowerCase();
}

/** What TCP MD5 takes. */
const maxPasswordBytes = 80;

/** One line. Throws secret_unreadable when the secret is missing, config_invalid when it is no password for TCP MD5. */
export function readPassword(place: SecretPlace, env: NodeJS.ProcessEnv): string {
  const text = readSecret(place, env).replace(/\r?\n$/, '');
  const bytes = Buffer.byteLength(text);
  const isOneLine = !/\p{Cc}/u.test(text);
  if (isOneLine && bytes > 0 && bytes <= maxPasswordBytes) return text;
  const got = isOneLine ? `${bytes} bytes` : 'line breaks or other control characters';
  const expected = `one line of 1 to ${maxPasswordBytes} bytes in ${placeOf(place.ref)}`;
  throw new ToriiError('config_invalid', `${place.path}: expected ${expected}, got ${got}${place.at}`);
}

export interface SecretPlace {
  /** The key that refers to it, for the message. */
  readonly path: string;
  readonly ref: SecretRef;
  /** " (torii.yaml:7)", or empty. */
  readonly at: string;
}

/** `placeOf`: "torii.yaml:7". */
export function passwordPlace({ index, ref }: PeerPassword, placeOf: (path: Path) => string): SecretPlace {
  const path = ['node', 'bgp', 'peers', index, 'password'];
  return {
    path: pathText(path),
    ref,
    // Finding a line may mean to read the whole document again: only where there is something to say.
    get at() {
      return ` (${placeOf(path)})`;
    },
  };
}

/** The secret's text as it is stored. */
function readSecret({ path, ref, at }: SecretPlace, env: NodeJS.ProcessEnv): string {
  const unreadable = (why: string, cause?: unknown) =>
    new ToriiError('secret_unreadable', `${path}: expected a readable secret in ${placeOf(ref)}: ${why}${at}`, { cause });
  if ('env' in ref) {
    const value = env[ref.env];
    if (value === undefined) throw unreadable('it is not set');
    return value;
  }
  const directory = env['CREDENTIALS_DIRECTORY'];
  if ('credential' in ref && directory === undefined)
    throw unreadable('systemd passed no credentials (CREDENTIALS_DIRECTORY is not set)');
  try {
    return readFileSync('file' in ref ? ref.file : join(directory ?? '', ref.credential), 'utf8');
  } catch (error) {
    throw unreadable(messageOf(error), error);
  }
}

function placeOf(ref: SecretRef): string {
  if ('file' in ref) return ref.file;
  return 'env' in ref ? `the environment variable ${ref.env}` : `the systemd credential ${ref.credential}`;
}
