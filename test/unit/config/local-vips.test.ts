import { describe, expect, it } from 'vitest';
import { checkDocument } from '../../../src/config/check-document.ts';
import { documentJsonSchemaText } from '../../../src/config/json-schema.ts';
import { parseDocument } from '../../../src/config/parse.ts';

const bgp = { localAs: 65010, routerId: '10.0.0.1', peers: [{ address: '127.0.0.1', as: 65000 }] };
const dns = { address: '203.0.113.53', mode: 'local' };
const check = { type: 'tcp', port: 53 };
const web = { address: '203.0.113.10', protocol: 'tcp', ports: [80], pool: 'web' };
const pools = { web: { backends: [{ address: '10.0.2.21' }] } };

function documentOf(vips: readonly object[], more: object = {}): string {
  return JSON.stringify({ version: 1, node: { bgp }, tenants: [{ name: 'acme', med: 5, vips }], ...more });
}

const problemsOf = (text: string): readonly string[] => checkDocument(text, 'torii.yaml').problems;

function configOf(text: string) {
  const result = parseDocument(text);
  if (result.kind === 'bad') throw new Error(JSON.stringify(result.problems));
  return result.config;
}

describe('a VIP of mode local', () => {
  it('needs an address alone, and is checked at it unless the check names another', () => {
    const { vips, localVips } = configOf(
      documentOf([
        { ...dns, healthCheck: check, med: 7 },
        { address: '2001:db8::53', mode: 'local', healthCheck: { type: 'http', port: 80, path: '/ok', address: '::1' } },
        { address: '203.0.113.54', mode: 'local' },
      ]),
    );
    expect(vips).toEqual([]);
    const timing = { intervalMs: 1000, timeoutMs: 500, rise: 2, fall: 3 };
    expect(localVips).toMatchObject([
      {
        name: '2001:db8::53',
        prefix: { address: '2001:db8::53', length: 128 },
        tenant: 'acme',
        healthCheck: { address: '::1', check: { kind: 'http', port: 80, path: '/ok', ...timing } },
        policy: { med: 5 },
      },
      {
        name: '203.0.113.53',
        prefix: { address: '203.0.113.53', length: 32 },
        tenant: 'acme',
        healthCheck: { address: '203.0.113.53', check: { kind: 'tcp', port: 53, ...timing } },
        policy: { med: 7 },
      },
      {
        name: '203.0.113.54',
        prefix: { address: '203.0.113.54', length: 32 },
        tenant: 'acme',
        healthCheck: null,
        policy: { med: 5 },
      },
    ]);
  });

  it('makes a document that needs no device, no node address and no cluster secret, and is warned of nothing', () => {
    expect(checkDocument(documentOf([{ ...dns, healthCheck: check }]), 'torii.yaml')).toEqual({
      problems: [],
      warnings: [],
      summary: { tenants: 1, vips: 1, pools: 0, backends: 0, peers: 1 },
    });
  });

  it('may be a prefix, and may have one name for each protocol', () => {
    const vips = [
      { address: '203.0.112.0/24', mode: 'local', healthCheck: { ...check, address: '127.0.0.1' } },
      { ...dns, protocol: 'tcp' },
      { ...dns, protocol: 'udp' },
    ];
    expect(configOf(documentOf(vips)).localVips.map(({ name }) => name)).toEqual([
      '203.0.112.0/24',
      '203.0.113.53:*/tcp',
      '203.0.113.53:*/udp',
    ]);
  });

  it.each([
    ['ports', [53]],
    ['pool', 'web'],
    ['hash', '5tuple'],
    ['entropy', false],
    ['encap', 'ipip'],
    ['timeouts', {}],
  ])('has no %s', (key, value) => {
    const [problem, ...others] = problemsOf(
      documentOf([{ ...dns, [key]: value }], { pools, node: { bgp, address: '10.0.1.11' } }),
    );
    expect(others).toEqual([]);
    expect(problem).toContain(`tenants[0].vips[0].${key}: expected none, since a mode: local VIP is only announced`);
  });

  it.each([
    ['the address of another one', [dns, dns], 'vips[1].address: expected an address that tenants[0].vips[0] does not have'],
    ['one of another and of any protocol', [{ ...dns, protocol: 'tcp' }, dns], 'vips[1].address: expected an address that'],
    ['a loopback address', [{ ...dns, address: '127.0.0.53' }], 'vips[0].address: expected a unicast address'],
    [
      'a prefix and no address to probe',
      [{ ...dns, address: '203.0.112.0/24', healthCheck: check }],
      'healthCheck.address: expected',
    ],
    ['a check through the tunnel', [{ ...dns, healthCheck: { ...check, via: 'tunnel' } }], 'healthCheck.via: expected direct'],
    ['an ICMP check', [{ ...dns, healthCheck: { type: 'icmp' } }], 'healthCheck.type: expected tcp or http'],
  ])('cannot have %s', (_, vips, problem) => {
    expect(problemsOf(documentOf(vips)).join('\n')).toContain(problem);
  });

  it("is warned of a probe that outlasts its interval, as a pool's", () => {
    const { warnings } = checkDocument(
      documentOf([{ ...dns, healthCheck: { ...check, intervalMs: 100, timeoutMs: 200 } }]),
      'torii.yaml',
    );
    expect(warnings.join()).toContain('healthCheck.timeoutMs: 200 is longer than intervalMs 100');
  });

  it('cannot be the address of the node', () => {
    const node = { address: '203.0.113.53', bgp };
    expect(problemsOf(documentOf([dns], { node }))).toEqual([
      'node.address: expected an address that is no VIP, got "203.0.113.53" (torii.yaml:1)',
    ]);
  });

  it('is in the published schema', () => {
    expect(documentJsonSchemaText()).toContain('"local"');
  });
});

describe('a document with VIPs of both modes', () => {
  const node = { address: '10.0.1.11', devices: [{ name: 'eth0' }], bgp };

  it('keeps them apart', () => {
    const { vips, localVips } = configOf(documentOf([web, dns], { pools, node }));
    expect([vips, localVips].map((list) => list.map(({ name }) => name))).toEqual([['203.0.113.10:80/tcp'], ['203.0.113.53']]);
  });

  it('refuses a local one whose packets the packet path would take', () => {
    const covered = 'expected an address of no forwarding VIP';
    const problems = problemsOf(
      documentOf(
        [web, { ...web, address: '198.51.100.0/24' }, { ...dns, address: web.address }, { ...dns, address: '198.51.100.53' }],
        {
          pools,
          node,
        },
      ),
    );
    expect(problems).toHaveLength(2);
    expect(problems[0]).toContain(`vips[2].address: ${covered}`);
    expect(problems[1]).toContain(`vips[3].address: ${covered}`);
    // The packet path takes the one address out of the prefix; the others stay this host's.
    expect(problemsOf(documentOf([web, { ...dns, address: '203.0.113.0/24' }], { pools, node }))).toEqual([]);
  });

  it('says that without a device only the local ones are announced', () => {
    const { problems, warnings } = checkDocument(
      documentOf([web, dns], { pools, node: { address: '10.0.1.11', bgp } }),
      'torii.yaml',
    );
    expect(problems).toEqual([]);
    expect(warnings.join()).toContain('node.devices: absent, so nothing is forwarded and only mode: local VIPs are announced');
  });

  it('says that a forwarding one has a pool, and what has none', () => {
    expect(problemsOf(documentOf([{ address: '203.0.113.10', protocol: 'tcp' }], { node }))).toEqual([
      'tenants[0].vips[0].pool: expected the name of a pool (only mode: local VIPs, services of this host, have none), got nothing (torii.yaml:1)',
    ]);
  });
});

describe('the speaker of a document', () => {
  it('has a router id of its own, or that of the node', () => {
    const { routerId: _, ...anonymous } = bgp;
    expect(problemsOf(documentOf([dns], { node: { bgp: anonymous } }))).toEqual([
      'node.bgp.routerId: expected a router id, here or as node.address, got nothing (torii.yaml:1)',
    ]);
    expect(configOf(documentOf([dns], { node: { bgp: anonymous, address: '10.0.0.9' } })).node.speaker?.routerId).toBe(
      '10.0.0.9',
    );
  });

  it('knows each peer by its address, whatever its port', () => {
    const peers = ['127.0.0.1', '127.0.0.2', '127.0.0.1'].map((address, i) => ({ address, as: 65000, port: 1179 + i }));
    expect(problemsOf(documentOf([dns], { node: { bgp: { ...bgp, peers } } }))).toEqual([
      'node.bgp.peers[2].address: expected an address, by which a peer is known, that node.bgp.peers[0] does not have, got "127.0.0.1" (torii.yaml:1)',
    ]);
  });
});
