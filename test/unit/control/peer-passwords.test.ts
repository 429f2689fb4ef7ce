import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { isSameDocument, loadDocument, loadSilentDocument } from '../../../src/control/documents.ts';
import { nodeChanges } from '../../../src/control/node-changes.ts';
import { passwordChanges, withPasswords } from '../../../src/control/peer-passwords.ts';
import { documentOf } from './world.ts';

const directory = mkdtempSync(join(tmpdir(), 'torii-passwords-'));
const file = join(directory, 'bgp.key');
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => writeFileSync(file, 'hunter2\n'));

const text = documentOf({
  node: {
    bgp: {
      localAs: 65010,
      peers: [
        { address: '10.0.1.1', as: 65000, password: { file } },
        { address: '10.0.1.2', as: 65000 },
      ],
    },
  },
});
const load = () => loadDocument('torii.yaml', text, { env: {} });

describe('the passwords of peers', () => {
  it('reach the speaker, each with its own peer', () => {
    const { config, peerPasswords } = load();
    expect(withPasswords(config.node, peerPasswords).speaker?.peers.map(({ password }) => password)).toEqual([
      'hunter2',
      undefined,
    ]);
  });

  it('are nowhere in the document that is shown, compared and saved', () => {
    const { peerPasswords, ...shown } = load();
    expect(peerPasswords.size).toBe(1);
    expect(JSON.stringify(shown)).not.toContain('hunter2');
  });

  it('make the same text another document when they change, and the change is told without them', () => {
    const before = load();
    expect(isSameDocument(before, load())).toBe(true);
    writeFileSync(file, 'hunter3\n');
    const after = load();
    expect(isSameDocument(before, after)).toBe(false);
    expect(nodeChanges(before.config.node, after.config.node)).toEqual([]);
    expect(passwordChanges(before.peerPasswords, after.peerPasswords)).toEqual(['node.bgp.peers: password of 10.0.1.1 changed']);
  });

  it('are told of when they come and go', () => {
    const { peerPasswords } = load();
    expect(passwordChanges(new Map(), peerPasswords)).toEqual(['node.bgp.peers: password of 10.0.1.1 added']);
    expect(passwordChanges(peerPasswords, new Map())).toEqual(['node.bgp.peers: password of 10.0.1.1 removed']);
  });

  it('must be there for who speaks BGP, and for nobody else', () => {
    rmSync(file);
    expect(load).toThrow(/^node\.bgp\.peers\[0\]\.password: expected a readable secret in .*bgp\.key/);
    expect(loadSilentDocument('torii.yaml', text, {}).peerPasswords.size).toBe(0);
  });
});
