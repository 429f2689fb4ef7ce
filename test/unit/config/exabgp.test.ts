// What a document may ask of BGP when ExaBGP is the speaker.

import { describe, expect, it } from 'vitest';
import { checkDocument } from '../../../src/config/check-document.ts';
import { parseDocument } from '../../../src/config/parse.ts';

const documentOf = (peer: string, { node = 'address: 10.0.1.11', bgp = '' } = {}): string => `version: 1
node:
  ${node}
  bgp:
    localAs: 65010
    routerId: 10.0.1.11
    speaker: exabgp
    ${bgp}
    peers:
      - { as: 65000, ${peer} }
`;
const problemsOf = (...parts: Parameters<typeof documentOf>) => checkDocument(documentOf(...parts), 'torii.yaml').problems;

describe('speaker: exabgp', () => {
  it('reaches the speaker with its peers', () => {
    const result = parseDocument(documentOf('address: 10.0.1.1, multihop: 3, families: [ipv4], med: 5'));
    expect(result).toMatchObject({
      kind: 'ok',
      config: { node: { speaker: { implementation: 'exabgp', peers: [{ address: '10.0.1.1', multihop: 3 }] } } },
    });
  });

  it.each([
    ['passive', 'address: 10.0.1.1, passive: true', 'false: nobody can call here'],
    ['bfd', 'address: 10.0.1.1, bfd: {}', 'no bfd: ExaBGP has none'],
    ['role', 'address: 10.0.1.1, role: customer', 'no role'],
    ['accept', 'address: 10.0.1.1, accept: default', 'no accept'],
    ['ttlSecurity', 'address: 10.0.1.1, ttlSecurity: 1', 'multihop: 255 satisfies a router that does'],
    ['address', 'address: "fe80::1%eth0"', 'not link-local'],
  ])('refuses %s of a peer', (key, peer, words) => {
    const problem = problemsOf(peer).find(
      (line) => line.startsWith(`node.bgp.peers[0].${key}: expected `) && line.includes(words),
    );
    expect(problem).toBeDefined();
  });

  it('refuses to listen', () => {
    expect(problemsOf('address: 10.0.1.1', { bgp: 'listen: { address: 10.0.1.11 }' })).toEqual([
      expect.stringMatching(/^node\.bgp\.listen: expected nothing, since with speaker: exabgp nobody can call here/),
    ]);
  });

  it('needs a next hop for IPv4 routes over IPv6', () => {
    const peer = 'address: "2001:db8::1", families: [ipv4, ipv6]';
    expect(problemsOf(peer)).toEqual([]);
    expect(problemsOf(peer, { node: 'address6: "2001:db8::11"' })).toEqual([
      expect.stringContaining('no ipv4, since node.address, the next hop of IPv4 routes, is absent'),
    ]);
  });
});
