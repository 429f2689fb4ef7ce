// What a document may say of BFD.

import { describe, expect, it } from 'vitest';
import { checkDocument } from '../../../src/config/check-document.ts';
import { parseDocument } from '../../../src/config/parse.ts';

const documentOf = (peer: string): string => `version: 1
node:
  bgp:
    localAs: 65010
    routerId: 10.0.1.11
    peers:
      - { address: 10.0.1.1, as: 65000, ${peer} }
`;
const problemsOf = (peer: string) =>
  checkDocument(documentOf(peer), 'torii.yaml').problems.map((problem) => problem.replace(/ \(torii.yaml:\d+\)$/, ''));
const bfdOf = (peer: string) => {
  const result = parseDocument(documentOf(peer));
  if (result.kind === 'bad') throw new Error(JSON.stringify(result));
  return result.config.node.speaker?.peers[0]?.bfd;
};

describe('a peer', () => {
  it('has no BFD unless it says so, and usual intervals unless it says others', () => {
    expect(bfdOf('passive: false')).toBeUndefined();
    expect(bfdOf('bfd: {}')).toEqual({ intervalMs: 100, multiplier: 3 });
    expect(bfdOf('bfd: { intervalMs: 50, multiplier: 5 }')).toEqual({ intervalMs: 50, multiplier: 5 });
  });

  it('has intervals from 50 ms', () => {
    expect(problemsOf('bfd: { intervalMs: 49 }')).toEqual(['node.bgp.peers[0].bfd.intervalMs: expected 50..60000, got 49']);
    expect(problemsOf('bfd: { multiplier: 0 }')).toEqual(['node.bgp.peers[0].bfd.multiplier: expected 1..255, got 0']);
  });

  it('cannot be further away than the own link', () => {
    expect(problemsOf('bfd: {}, multihop: 2')).toEqual([
      expect.stringMatching(/^node\.bgp\.peers\[0\]\.bfd: expected no bfd, which is for peers on the own link/),
    ]);
    expect(problemsOf('bfd: {}, multihop: 1')).toEqual([]);
    expect(problemsOf('bfd: {}, ttlSecurity: 1')).toEqual([]);
  });
});
