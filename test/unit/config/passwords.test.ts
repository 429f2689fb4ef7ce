// Passwords and TTLs of BGP peers in a document.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkDocument } from '../../../src/config/check-document.ts';
import { parseDocument } from '../../../src/config/parse.ts';
import { readPassword } from '../../../src/config/secrets.ts';

const directory = mkdtempSync(join(tmpdir(), 'torii-passwords-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const documentOf = (...peers: readonly object[]): string =>
  `version: 1\nnode:\n  address: 10.0.1.11\n  bgp:\n    localAs: 65010\n    peers:\n${peers
    .map((peer) => `      - ${JSON.stringify({ address: '10.0.1.1', as: 65000, ...peer })}\n`)
    .join('')}`;

const nodeOf = (text: string) => {
  const result = parseDocument(text);
  if (result.kind === 'bad') throw new Error(JSON.stringify(result.problems));
  return result.config.node;
};

describe('a peer of a document', () => {
  it('has its password as a place and not as text', () => {
    const node = nodeOf(documentOf({ address: '10.0.1.2' }, { password: { env: 'KEY' } }));
    expect(node.peerPasswords).toEqual([{ peer: '10.0.1.1', index: 1, ref: { env: 'KEY' } }]);
    expect(node.speaker?.peers[1]).not.toHaveProperty('password');
  });

  it('may have ttlSecurity or multihop, and not both', () => {
    expect(nodeOf(documentOf({ ttlSecurity: 1 })).speaker?.peers).toMatchObject([{ ttlSecurity: 1 }]);
    expect(nodeOf(documentOf({ multihop: 3 })).speaker?.peers).toMatchObject([{ multihop: 3 }]);
    expect(nodeOf(documentOf({})).speaker?.peers[0]).not.toHaveProperty('multihop');
    expect(checkDocument(documentOf({ ttlSecurity: 1, multihop: 3 }), 'torii.yaml').problems).toEqual([
      'node.bgp.peers[0].multihop: expected no multihop beside ttlSecurity, which says itself how far away the peer may be, got 3 (torii.yaml:7)',
    ]);
  });

  it('is warned of by `torii check` when its password is not here', () => {
    const text = documentOf({ password: { env: 'KEY' } });
    expect(checkDocument(text, 'torii.yaml', { KEY: 'fine' }).warnings).toEqual(checkDocument(text, 'torii.yaml').warnings);
    expect(checkDocument(text, 'torii.yaml', {}).warnings).toContain(
      'node.bgp.peers[0].password: expected a readable secret in the environment variable KEY: it is not set (torii.yaml:7); torii would not start here',
    );
  });
});

describe('a password', () => {
  const read = (text: string) => readPassword({ path: 'password', ref: { env: 'KEY' }, at: ' (torii.yaml:7)' }, { KEY: text });

  it('is the one line of its file, spaces and all', () => {
    for (const end of ['', '\n', '\r\n']) {
      const file = join(directory, 'bgp.key');
      writeFileSync(file, ` two words ${end}`);
      expect(readPassword({ path: 'password', ref: { file }, at: '' }, {})).toBe(' two words ');
    }
  });

  it.each([
    ['longer than 80 bytes', 'ä'.repeat(41), '82 bytes'],
    ['empty', '', '0 bytes'],
    ['a line break alone', '\n', '0 bytes'],
    ['of two lines', 'hunter2\nhunter3', 'line breaks or other control characters'],
  ])('that is %s is refused, and not shown', (_what, text, got) => {
    expect(() => read(text)).toThrow(
      `password: expected one line of 1 to 80 bytes in the environment variable KEY, got ${got} (torii.yaml:7)`,
    );
  });

  it('of 80 bytes is taken', () => {
    expect(read('ä'.repeat(40))).toHaveLength(40);
  });
});
