import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkFile } from '../../../src/config/check-document.ts';
import { FileSource, isMissing } from '../../../src/config/file-source.ts';
import { readLastGood, writeLastGood } from '../../../src/config/last-good.ts';
import { publicClusterSecret, readClusterSecret } from '../../../src/config/secrets.ts';
import { stateDirectory } from '../../../src/config/state-dir.ts';
import type { ToriiError } from '../../../src/errors.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'torii-config-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
  } catch (error) {
    return (error as ToriiError).code;
  }
  return 'no error';
};

describe('a document in a file', () => {
  it('has a new revision only when its text differs', async () => {
    const path = join(directory, 'torii.yaml');
    const source = new FileSource(path);
    writeFileSync(path, 'version: 1\n');
    const first = await source.read();
    writeFileSync(path, 'version: 1\n');
    expect(await source.read()).toEqual(first);
    writeFileSync(path, 'version: 1\nplans: {}\n');
    expect(await source.read()).toEqual({ revision: first.revision + 1, text: 'version: 1\nplans: {}\n' });
  });

  it('says which file cannot be read', async () => {
    expect(await codeOf(() => new FileSource(join(directory, 'none.yaml')).read())).toBe('config_unreadable');
  });

  it.each([
    ['Latin-1', Buffer.from('version: 1\n# caf\xe9\n', 'latin1'), 'the byte 0xe9 at offset 16', 2],
    ['a character cut off at the end', Buffer.from([0x61, 0xe2, 0x82]), 'the byte 0xe2 at offset 1', 1],
    ['UTF-16', Buffer.from([0xff, 0xfe, 0x76, 0]), 'the byte 0xff at offset 0', 1],
    ['a wrong byte behind U+FFFD', Buffer.from([0xef, 0xbf, 0xbd, 0x0a, 0x80]), 'the byte 0x80 at offset 4', 2],
  ])('is refused where it is no UTF-8: %s', async (_, bytes, what, line) => {
    const path = join(directory, 'torii.yaml');
    writeFileSync(path, bytes);
    const problem = `expected text in UTF-8, got ${what} (${path}:${line})`;
    await expect(new FileSource(path).read()).rejects.toMatchObject({ code: 'config_invalid', message: problem });
    expect(checkFile(bytes, path)).toEqual({ problems: [problem], warnings: [], summary: null });
  });

  it('may hold U+FFFD that somebody wrote', async () => {
    const path = join(directory, 'torii.yaml');
    writeFileSync(path, 'version: 1\n# \ufffd \ufffd\n');
    expect((await new FileSource(path).read()).text).toBe('version: 1\n# \ufffd \ufffd\n');
  });

  it('is told from one that cannot be read when it is not there', async () => {
    const failureOf = (path: string): Promise<unknown> => new FileSource(path).read().catch((error: unknown) => error);
    expect(isMissing(await failureOf(join(directory, 'none.yaml')))).toBe(true);
    writeFileSync(join(directory, 'file'), '');
    expect(isMissing(await failureOf(join(directory, 'file/torii.yaml')))).toBe(true);
    expect(isMissing(await failureOf(directory))).toBe(false);
  });

  it.each(['written', 'replaced by a rename'])('is noticed when it is %s', async (way) => {
    const path = join(directory, 'torii.yaml');
    writeFileSync(path, 'version: 1\n');
    const source = new FileSource(path);
    let stop = (): void => undefined;
    const changed = new Promise<void>((resolve) => {
      stop = source.watch(resolve);
    });
    if (way === 'written') writeFileSync(path, 'version: 2\n');
    else {
      writeFileSync(join(directory, 'draft'), 'version: 2\n');
      renameSync(join(directory, 'draft'), path);
    }
    await changed;
    stop();
    expect((await source.read()).text).toBe('version: 2\n');
  });
});

describe('the last good document', () => {
  it('is read as it was written, and leaves no draft behind', () => {
    const lastGood = { revision: 7, source: '/etc/torii/torii.yaml', text: 'version: 1\n# ü\n' };
    writeLastGood(directory, { ...lastGood, revision: 6 });
    writeLastGood(directory, lastGood);
    expect(readLastGood(directory)).toEqual(lastGood);
    expect(readdirSync(directory)).toEqual(['last-good.json']);
  });

  it('is none when absent or damaged', () => {
    expect(readLastGood(directory)).toBeUndefined();
    writeLastGood(directory, { revision: 1, source: 'x', text: 'y' });
    const path = join(directory, 'last-good.json');
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -4));
    expect(readLastGood(directory)).toBeUndefined();
  });

  it('lies where systemd says', () => {
    expect(stateDirectory({ STATE_DIRECTORY: '/a:/b' })).toBe('/a');
    expect(stateDirectory({})).toBe('/var/lib/torii');
  });
});

describe('the secret of a cluster', () => {
  const key = 'AB'.repeat(32);

  it('comes from a file, the environment or a systemd credential', () => {
    const file = join(directory, 'cluster.key');
    writeFileSync(file, `${key}\n`);
    const expected = key.toLowerCase();
    expect(readClusterSecret({ file }, {})).toBe(expected);
    expect(readClusterSecret({ env: 'KEY' }, { KEY: key })).toBe(expected);
    expect(readClusterSecret({ credential: 'cluster.key' }, { CREDENTIALS_DIRECTORY: directory })).toBe(expected);
  });

  it('is a public key where the document names none', () => {
    expect(readClusterSecret(null, {})).toBe(publicClusterSecret);
    expect(publicClusterSecret).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is asked for by name when it is missing, and never shown when it is malformed', async () => {
    expect(await codeOf(() => readClusterSecret({ file: join(directory, 'none') }, {}))).toBe('secret_unreadable');
    expect(await codeOf(() => readClusterSecret({ credential: 'x' }, {}))).toBe('secret_unreadable');
    expect(() => readClusterSecret({ env: 'KEY' }, { KEY: 'hunter2' })).toThrow(
      'cluster.secret: expected 64 hex digits in the environment variable KEY, got 7 characters',
    );
    expect(() => readClusterSecret({ env: 'KEY' }, { KEY: 'x'.repeat(64) }, 'torii.yaml:7')).toThrow(
      'in the environment variable KEY, got 64 characters that are not all hex digits (torii.yaml:7)',
    );
    expect(() => readClusterSecret({ env: 'KEY' }, {}, 'torii.yaml:7')).toThrow('it is not set (torii.yaml:7)');
  });
});
