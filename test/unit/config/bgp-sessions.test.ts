// What a document may say of BGP sessions: addresses with devices, families, roles.

import { describe, expect, it } from 'vitest';
import { checkDocument } from '../../../src/config/check-document.ts';
import { parseDocument } from '../../../src/config/parse.ts';
import type { SpeakerConfig } from '../../../src/model/peer.ts';

interface Parts {
  readonly peer: string;
  readonly node?: string;
  readonly bgp?: string;
}

const documentOf = ({ peer, node = 'address: 10.0.1.11', bgp = '' }: Parts): string => `version: 1
node:
  ${node}
  bgp:
    localAs: 65010
    routerId: 10.0.1.11
    ${bgp}
    peers:
      - { as: 65000, ${peer} }
`;
const check = (parts: Parts) => checkDocument(documentOf(parts), 'torii.yaml');
const problemsOf = (parts: Parts) => check(parts).problems.map((problem) => problem.replace(/ \(torii.yaml:\d+\)$/, ''));
const speakerOf = (parts: Parts): SpeakerConfig => {
  const result = parseDocument(documentOf(parts));
  if (result.kind === 'bad' || result.config.node.speaker === null) throw new Error(JSON.stringify(result));
  return result.config.node.speaker;
};

describe('a peer', () => {
  it('may have an IPv6 address, and a link-local one with its device', () => {
    expect(speakerOf({ peer: 'address: "2001:DB8:0::1"' }).peers[0]?.address).toBe('2001:db8::1');
    const linkLocal = speakerOf({
      peer: 'address: "FE80::1%eth0", localAddress: "fe80:0::11%eth0"',
      bgp: 'listen: { address: "::" }',
    });
    expect(linkLocal.peers[0]).toMatchObject({ address: 'fe80::1%eth0', localAddress: 'fe80::11%eth0' });
    expect(linkLocal.listen).toEqual({ address: '::', port: 179 });
  });

  it('is refused with a link-local address of no device, or of another one', () => {
    const expected = 'expected an IPv4 or IPv6 address, a link-local one with its device, like fe80::1%eth0';
    expect(problemsOf({ peer: 'address: "fe80::1"' })).toEqual([`node.bgp.peers[0].address: ${expected}, got "fe80::1"`]);
    expect(problemsOf({ peer: 'address: "2001:db8::1%eth0"' })).toEqual([
      `node.bgp.peers[0].address: ${expected}, got "2001:db8::1%eth0"`,
    ]);
    expect(problemsOf({ peer: 'address: "fe80::1%eth0", localAddress: "fe80::11%eth1"' })).toEqual([
      'node.bgp.peers[0].localAddress: expected an address on eth0, as the peer\'s own, got "fe80::11%eth1"',
    ]);
    expect(problemsOf({ peer: 'address: "fe80::1%eth0", localAddress: 10.0.1.11' })[0]).toContain('an IPv6 address');
  });

  it('is refused where its address, or the own one, can be no host', () => {
    for (const address of ['0.0.0.0', '224.0.0.5', '255.255.255.255', '"::"', '"ff02::5"', '"ff02::5%eth0"']) {
      expect(problemsOf({ peer: `address: ${address}` })[0], address).toMatch(/address: expected /);
    }
    expect(problemsOf({ peer: 'address: 10.0.1.1, localAddress: 0.0.0.0' })).toEqual([
      'node.bgp.peers[0].localAddress: expected the address of one host, got "0.0.0.0"',
    ]);
    for (const address of ['127.0.0.2', '"::1"', '"fe80::1%eth0"', '223.255.255.254']) {
      expect(problemsOf({ peer: `address: ${address}` }), address).toEqual([]);
    }
  });

  it('is one, however its address is written', () => {
    const peer = 'address: "fe80::1%eth0" }\n      - { as: 65000, address: "FE80::0:1%eth0"';
    expect(problemsOf({ peer })).toHaveLength(1);
    expect(problemsOf({ peer: peer.replace('0:1%eth0', '0:1%eth1') })).toEqual([]);
  });

  it('carries its families, role and what is accepted to the speaker, and none of them by default', () => {
    const node = 'address: 10.0.1.11\n  address6: "2001:db8::11"';
    const [told] = speakerOf({ node, peer: 'address: 10.0.1.1, families: [ipv6, ipv4], role: customer, accept: default' }).peers;
    expect(told).toMatchObject({ families: ['ipv6', 'ipv4'], role: 'customer', accept: 'default' });
    const [plain] = speakerOf({ node, peer: 'address: 10.0.1.1' }).peers;
    for (const key of ['families', 'role', 'accept']) expect(plain).not.toHaveProperty(key);
  });
});

describe('the families of a peer', () => {
  it('are one or both, each once', () => {
    expect(problemsOf({ peer: 'address: 10.0.1.1, families: []' })[0]).toContain('expected at least one family');
    expect(problemsOf({ peer: 'address: 10.0.1.1, families: [ipv4, ipv4]' })[0]).toContain('expected each family once');
    expect(problemsOf({ peer: 'address: 10.0.1.1, families: [ipv5]' })[0]).toContain('expected one of ipv4, ipv6');
  });

  it('are refused where IPv6 routes would have no next hop', () => {
    const peer = 'address: 10.0.1.1, families: [ipv4, ipv6]';
    expect(problemsOf({ peer })[0]).toMatch(/^node\.bgp\.peers\[0\]\.families: expected no ipv6, since node\.address6/);
    expect(problemsOf({ peer, node: 'address6: "2001:db8::11"' })).toEqual([]);
  });

  it('come with a warning where IPv4 routes have a next hop only if the router agrees', () => {
    const peer = 'address: "2001:db8::1", families: [ipv4, ipv6]';
    expect(check({ peer }).warnings).toEqual([]);
    const { problems, warnings } = check({ peer, node: 'address6: "2001:db8::11"' });
    expect(problems).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(/^node\.bgp\.peers\[0\]\.families: node\.address is absent.*RFC 8950/)]);
  });
});

describe('the role of a peer', () => {
  it('is refused on iBGP, and where nobody knows it', () => {
    expect(problemsOf({ peer: 'address: 10.0.1.1, role: peer' })).toEqual([]);
    expect(problemsOf({ peer: 'address: 10.0.1.1, role: boss' })[0]).toContain('one of provider, rs, rs-client, customer, peer');
    const ibgp = documentOf({ peer: 'address: 10.0.1.1, role: peer' }).replace('as: 65000', 'as: 65010');
    expect(checkDocument(ibgp, 'torii.yaml').problems[0]).toContain('expected no role, since the peer is of the own AS');
  });
});

describe('a preference that a session cannot tell', () => {
  const warningsOf = (peer: string, as: number) =>
    checkDocument(documentOf({ peer }).replace('as: 65000', `as: ${as}`), 'torii.yaml').warnings.filter((warning) =>
      warning.includes('peers[0]'),
    );

  it('is warned of: local preference on eBGP, prepends on iBGP', () => {
    const peer = 'address: 10.0.1.1, localPref: 200, prepend: 2';
    expect(warningsOf(peer, 65000)).toEqual([expect.stringMatching(/localPref.*has no effect/)]);
    expect(warningsOf(peer, 65010)).toEqual([expect.stringMatching(/prepend.*has no effect/)]);
  });
});

describe('communities', () => {
  it('are as many as leave room for routes beside them', () => {
    const list = (count: number, text: (i: number) => string) =>
      `[${Array.from({ length: count }, (_, i) => `"${text(i)}"`).join(', ')}]`;
    const policy = (few: number, large: number) =>
      `address: 10.0.1.1, prepend: 64, communities: ${list(few, (i) => `1:${i}`)}, largeCommunities: ${list(large, (i) => `1:2:${i}`)}`;
    expect(problemsOf({ peer: policy(128, 64) })).toEqual([]);
    expect(problemsOf({ peer: policy(129, 65) })).toEqual([
      expect.stringContaining('expected at most 128 communities'),
      expect.stringContaining('expected at most 64 large communities'),
    ]);
  });
});
