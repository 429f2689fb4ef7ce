import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { checkDocument } from '../../../src/config/check-document.ts';
import { parseDocument } from '../../../src/config/parse.ts';

const base = `version: 1
node:
  address: 10.0.1.11
  devices:
    - { name: eth0 }
  bgp:
    localAs: 65010
    peers:
      - { address: 10.0.1.1, as: 65000 }
cluster:
  secret: { file: /etc/torii/cluster.key }
plans:
  standard: { cps: 1000, burst: 2000 }
tenants:
  - name: acme
    plan: standard
    vips:
      - { address: 203.0.113.10, protocol: tcp, ports: [80, "8000-8100"], pool: web }
pools:
  web:
    backends:
      - { address: 10.0.2.21 }
      - { address: 10.0.2.22, weight: 50 }
    healthCheck: { type: http, port: 80, path: /healthz }
`;

const problemsOf = (text: string): readonly string[] => checkDocument(text, 'torii.yaml').problems;
const withLine = (find: string, replacement: string): string => {
  expect(base).toContain(find);
  return base.replace(find, replacement);
};
const configOf = (text: string) => {
  const result = parseDocument(text);
  if (result.kind === 'bad') throw new Error(JSON.stringify(result.problems));
  return result.config;
};

describe('a valid document', () => {
  it('becomes one VIP per port, with defaults filled in', () => {
    const config = configOf(base);
    expect(config.vips.map((vip) => vip.name)).toEqual(['203.0.113.10:80/tcp', '203.0.113.10:8000-8100/tcp']);
    expect(config.vips[0]).toMatchObject({ tenant: 'acme', pool: 'web', hash: '5tuple', encap: 'ipip', entropy: false });
    expect(config.pools[0]).toMatchObject({ name: 'web', tableSize: 65537, onAllDown: 'withdraw', minHealthy: 1 });
    expect(config.pools[0]?.backends).toEqual([
      { address: '10.0.2.21', weight: 100, state: 'active' },
      { address: '10.0.2.22', weight: 50, state: 'active' },
    ]);
    expect(config.node.speaker).toMatchObject({ localAs: 65010, routerId: '10.0.1.11', drainSec: 5 });
    expect(config.node.api).toEqual({ socket: '/run/torii/api.sock', listen: { address: '127.0.0.1', port: 8470 } });
  });

  it('is only its version', () => {
    expect(problemsOf('version: 1\n')).toEqual([]);
  });

  it('is summed up for the operator', () => {
    expect(checkDocument(base, 'torii.yaml')).toEqual({
      problems: [],
      warnings: [],
      summary: { tenants: 1, vips: 2, pools: 1, backends: 2, peers: 1 },
    });
  });

  it('says the same in JSON', () => {
    const result = parseDocument(base);
    if (result.kind === 'bad') throw new Error('expected a valid document');
    const json = JSON.stringify({
      version: 1,
      node: {
        address: '10.0.1.11',
        devices: [{ name: 'eth0' }],
        bgp: { localAs: 65010, peers: [{ address: '10.0.1.1', as: 65000 }] },
      },
      cluster: { secret: { file: '/etc/torii/cluster.key' } },
      plans: { standard: { cps: 1000, burst: 2000 } },
      tenants: [
        {
          name: 'acme',
          plan: 'standard',
          vips: [{ address: '203.0.113.10', protocol: 'tcp', ports: [80, '8000-8100'], pool: 'web' }],
        },
      ],
      pools: {
        web: {
          backends: [{ address: '10.0.2.21' }, { address: '10.0.2.22', weight: 50 }],
          healthCheck: { type: 'http', port: 80, path: '/healthz' },
        },
      },
    });
    expect(configOf(json)).toEqual(result.config);
  });

  it('joins policies, the narrower winning', () => {
    const text = withLine('    plan: standard\n', '    plan: standard\n    med: 5\n    communities: ["65000:1"]\n').replace(
      'pool: web }',
      'pool: web, med: 7 }',
    );
    expect(configOf(text).vips[0]?.policy).toEqual({ med: 7, communities: ['65000:1'] });
  });

  it('never waits longer for a probe than the interval unless told to', () => {
    const text = withLine('path: /healthz }', 'path: /healthz, intervalMs: 300 }');
    expect(configOf(text).pools[0]?.healthCheck).toMatchObject({ intervalMs: 300, timeoutMs: 300 });
  });
});

describe('a problem', () => {
  const cases: readonly [sentence: string, text: string, line: string][] = [
    [
      'names path, line, what was expected and what came',
      withLine('weight: 50', 'weight: -1'),
      'pools.web.backends[1].weight: expected 0..65535, got -1 (torii.yaml:23)',
    ],
    [
      'names an unknown key and the known ones',
      withLine('weight: 50', 'wieght: 50'),
      'pools.web.backends[1].wieght: expected only the keys address, weight, state, mtu, got the unknown key "wieght"; did you mean weight? (torii.yaml:23)',
    ],
    [
      'suggests no key where none is near',
      withLine('weight: 50', 'share: 50'),
      'pools.web.backends[1].share: expected only the keys address, weight, state, mtu, got the unknown key "share" (torii.yaml:23)',
    ],
    ['names a missing key', withLine('version: 1\n', ''), 'version: expected version 1, got nothing (torii.yaml:1)'],
    [
      'names a pool that does not exist, and those that do',
      withLine('pool: web }', 'pool: wbe }'),
      'tenants[0].vips[0].pool: expected a pool of "pools" (web), got "wbe"; did you mean web? (torii.yaml:18)',
    ],
    [
      'names a plan that does not exist',
      withLine('plan: standard', 'plan: gold'),
      'tenants[0].plan: expected a plan of "plans" (standard), got "gold" (torii.yaml:16)',
    ],
    [
      'names the primes next to a table size that is none',
      withLine('  web:\n', '  web:\n    tableSize: 65536\n'),
      'pools.web.tableSize: expected a prime 251..655373 (nearest: 65521 and 65537), got 65536 (torii.yaml:21)',
    ],
    [
      'names a port range that overlaps another VIP',
      withLine('"8000-8100"]', '"8000-8100", "8100-8200"]'),
      'tenants[0].vips[0].ports[2]: expected ports that no other VIP of 203.0.113.10 has (tenants[0].vips[0].ports[1] has them), got "8100-8200" (torii.yaml:18)',
    ],
    [
      'names a backend that is a VIP',
      withLine('10.0.2.22', '203.0.113.10'),
      'pools.web.backends[1].address: expected an address that is no VIP (packets would come straight back), got "203.0.113.10" (torii.yaml:23)',
    ],
    [
      'names a backend that is twice in its pool',
      withLine('10.0.2.22', '10.0.2.21'),
      'pools.web.backends[1].address: expected an address that backends[0] does not have, got "10.0.2.21" (torii.yaml:23)',
    ],
    [
      'refuses a FIN timeout that breaks closing flows',
      withLine('pool: web }', 'pool: web, timeouts: { finSec: 59 } }'),
      'tenants[0].vips[0].timeouts.finSec: expected at least 60 (a shorter one would break flows that are closing), at most 604800, got 59 (torii.yaml:18)',
    ],
    [
      'never shows a secret that was written inline',
      withLine('secret: { file: /etc/torii/cluster.key }', 'secret: 00112233'),
      'cluster.secret: expected { file: PATH }, { env: NAME } or { credential: NAME }; secrets are never inline, got an inline value (torii.yaml:11)',
    ],
    [
      'is inside the shape of a union that was chosen',
      withLine('healthCheck: { type: http, port: 80', 'healthCheck: { type: http, port: 0'),
      'pools.web.healthCheck.port: expected 1..65535, got 0 (torii.yaml:24)',
    ],
    [
      'names a wrong kind of health check',
      withLine('type: http', 'type: https'),
      'pools.web.healthCheck.type: expected a mapping with type: one of tcp, http, icmp, got "https" (torii.yaml:24)',
    ],
    [
      'names a hold time that BGP does not allow',
      withLine('as: 65000 }', 'as: 65000, holdTimeSec: 2 }'),
      'node.bgp.peers[0].holdTimeSec: expected 0 or 3..65535, got 2 (torii.yaml:9)',
    ],
    [
      'names an address that only looks like one',
      withLine('address: 10.0.2.22', 'address: 010.0.2.22'),
      'pools.web.backends[1].address: expected an IPv4 or IPv6 address, got "010.0.2.22" (torii.yaml:23)',
    ],
    [
      'names a VIP of IPv4 that is dressed as IPv6',
      withLine('203.0.113.10', '"::ffff:203.0.113.10"'),
      'tenants[0].vips[0].address: expected an address, or a prefix without host bits, got "::ffff:203.0.113.10" (torii.yaml:18)',
    ],
    [
      'names a prefix of outer sources that is of the other family',
      withLine('  devices:', '  entropy: { prefix6: 10.9.0.0/24 }\n  devices:'),
      'node.entropy.prefix6: expected an IPv6 prefix without host bits, like 2001:db8::/64, got "10.9.0.0/24" (torii.yaml:4)',
    ],
    [
      'names a prefix of outer sources that has a VIP in it',
      withLine('  devices:', '  entropy: { prefix: 203.0.113.0/24 }\n  devices:'),
      'node.entropy.prefix: expected a prefix that no VIP is part of, got "203.0.113.0/24" (torii.yaml:4)',
    ],
    [
      'names a port that is text',
      withLine('[80,', '["80",'),
      'tenants[0].vips[0].ports[0]: expected a range of ports like "8000-8100", got "80" (torii.yaml:18)',
    ],
    [
      'refuses an API that the network could reach',
      withLine('  bgp:\n', '  api: { listen: "0.0.0.0:8470" }\n  bgp:\n'),
      'node.api.listen: expected a loopback address (any other needs TLS, which this version does not have), got "0.0.0.0:8470" (torii.yaml:6)',
    ],
  ];

  it.each(cases)('%s', (_sentence, text, line) => {
    expect(problemsOf(text)).toEqual([line]);
  });

  it('has its line in JSON, too', () => {
    expect(problemsOf('{"version": 1,\n "pools": {\n  "web": {"tableSize": 9}}}')).toEqual([
      'pools.web.tableSize: expected a prime 251..655373 (nearest: 251), got 9 (torii.yaml:3)',
    ]);
  });

  it('is a key written twice, in YAML and in JSON', () => {
    for (const text of ['version: 1\nplans: {}\nplans: {}\n', '{"version": 1,\n"plans": {},\n"plans": {}}']) {
      expect(problemsOf(text)).toEqual(['plans: expected each key once, got it a second time (torii.yaml:3)']);
    }
    const deep =
      'version: 1\npools:\n  "a b":\n    backends:\n      - address: 10.0.2.21\n        weight: 1\n        weight: 2\n';
    expect(problemsOf(deep)).toEqual([
      'pools["a b"].backends[0].weight: expected each key once, got it a second time (torii.yaml:7)',
    ]);
  });

  it('is nested beyond reading', () => {
    const text = `version: 1\npools: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`;
    expect(problemsOf(text)[0]).toBe(
      'expected YAML, got an error: lists and mappings within each other without end (torii.yaml:2)',
    );
  });

  it('is broken YAML, with its line', () => {
    const [problem] = problemsOf('version: 1\ntenants:\n  - name: a\n bad\n');
    expect(problem).toMatch(/^expected YAML, got an error: .* \(torii\.yaml:4\)$/);
  });

  it('is a document of nothing', () => {
    expect(problemsOf('')).toEqual(['expected a document, got an empty text (torii.yaml:1)']);
    expect(problemsOf('# nothing yet\n')).toEqual(['expected a document, got an empty text (torii.yaml:1)']);
  });

  it('is a second document behind the first', () => {
    expect(problemsOf('version: 1\n---\nplans: {}\n')).toEqual([
      'expected one document, got another one behind "---" (torii.yaml:2)',
    ]);
  });

  it('is text in UTF-16, and no text at all', () => {
    for (const text of ['v\0e\0r\0', '\u007fELF\0'])
      expect(problemsOf(text)).toEqual([
        'expected text in UTF-8, got a NUL, as in UTF-16 or a file that is no text (torii.yaml:1)',
      ]);
  });

  it('is told by the first of the errors that one slip makes', () => {
    expect(problemsOf(`version: 1\nnode: ${'['.repeat(100)}\n`).length).toBe(10);
  });

  it.each([
    ['a quote that nothing closes', 'version: 1\nnode:\n  address: "10.0.1.11\nplans: {}\n', 3],
    ['an alias of no anchor', 'version: 1\nplans: &p {}\npools: *p\nnode: *other\n', 4],
  ])('is said where it begins: %s', (_, text, line) => {
    expect(problemsOf(text)).toEqual([expect.stringMatching(new RegExp(`^expected YAML, .*\\(torii.yaml:${line}\\)$`))]);
  });

  it('names a key that no shape of a secret has', () => {
    const secretOf = (secret: string): readonly string[] => problemsOf(`version: 1\ncluster: { secret: ${secret} }\n`);
    const expected = 'expected { file: PATH }, { env: NAME } or { credential: NAME }; secrets are never inline';
    expect(secretOf('{ flie: /etc/key }')).toEqual([
      `cluster.secret.flie: ${expected}, got the unknown key "flie"; did you mean file? (torii.yaml:2)`,
    ]);
    expect(secretOf('{ file: /etc/key, env: KEY }')).toEqual([`cluster.secret: ${expected}, got a mapping (torii.yaml:2)`]);
  });

  it('never shows what stands in the place of a secret', () => {
    const text = 'version: 1\ncluster: { secret: { file: 4b1d } }\n';
    expect(problemsOf(text)).toEqual([
      'cluster.secret.file: expected an absolute path, got something else, which is not shown as it may be the secret (torii.yaml:2)',
    ]);
  });

  it('is a bomb of aliases, not a crash', () => {
    const levels = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(10).fill(`*l${i}`).join(', ')}]`);
    expect(problemsOf(['l0: &l0 [x]', ...levels].join('\n'))[0]).toMatch(/^expected YAML, got an error: .*alias/i);
  });

  it('is one of at most a hundred, with the number of the others', () => {
    const backends = Array.from({ length: 150 }, (_, i) => `      - { address: 10.1.0.${i}, weight: -1 }`).join('\n');
    const problems = problemsOf(`version: 1\npools:\n  web:\n    backends:\n${backends}\n`);
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)).toContain('got 50 more');
  });
});

describe('every problem of a damaged document', () => {
  it('has a line inside the text', () => {
    const lineCount = base.split('\n').length;
    fc.assert(
      fc.property(
        fc.nat(base.length - 1),
        fc.constantFrom('', ':', '-', ' ', '{', 'x', '\n', '0', '"'),
        fc.nat(6),
        (at, put, cut) => {
          const result = parseDocument(base.slice(0, at) + put + base.slice(at + cut));
          if (result.kind === 'ok') return;
          expect(result.problems.length).toBeGreaterThan(0);
          for (const problem of result.problems) {
            expect(problem.line).toBeGreaterThanOrEqual(1);
            expect(problem.line).toBeLessThanOrEqual(lineCount + 1);
            expect(problem.column).toBeGreaterThanOrEqual(1);
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe('the order of a document', () => {
  it('changes nothing', () => {
    const vip = fc.record({ address: fc.constant('203.0.113.'), last: fc.integer({ min: 1, max: 250 }) });
    const build = (vips: readonly number[], backends: readonly number[]): string =>
      stringify({
        version: 1,
        node: { address: '10.0.0.1', devices: [{ name: 'eth0' }] },
        tenants: [
          { name: 'a', vips: vips.map((last) => ({ address: `203.0.113.${last}`, protocol: 'tcp', ports: [80], pool: 'p' })) },
        ],
        pools: { p: { backends: backends.map((last) => ({ address: `10.0.2.${last}` })) } },
      });
    fc.assert(
      fc.property(
        fc.uniqueArray(
          vip.map(({ last }) => last),
          { minLength: 1, maxLength: 20 },
        ),
        fc.uniqueArray(fc.integer({ min: 1, max: 250 }), { maxLength: 20 }),
        (vips, backends) => {
          expect(configOf(build([...vips].reverse(), [...backends].reverse()))).toEqual(configOf(build(vips, backends)));
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('a warning', () => {
  it('is said of a secret that cannot be read here, when asked to look', () => {
    const text = withLine('{ file: /etc/torii/cluster.key }', '{ env: CLUSTER_KEY }');
    expect(checkDocument(text, 'torii.yaml').warnings).toEqual([]);
    expect(checkDocument(text, 'torii.yaml', { CLUSTER_KEY: '00'.repeat(32) }).warnings).toEqual([]);
    const { warnings, problems } = checkDocument(text, 'torii.yaml', {});
    expect(problems).toEqual([]);
    expect(warnings).toEqual([
      'cluster.secret: expected a readable secret in the environment variable CLUSTER_KEY: it is not set (torii.yaml:11); torii would not start here',
    ]);
  });

  it('is not about devices and peers on a host that is a backend', () => {
    const text = withLine('  address: 10.0.1.11\n', '  address: 10.0.2.21\n')
      .replace('  devices:\n    - { name: eth0 }\n', '')
      .replace(/ {2}bgp:\n(?: {4}.*\n)+/, '');
    expect(warningsOf(text)).toEqual([]);
  });

  const warningsOf = (text: string): readonly string[] => checkDocument(text, 'torii.yaml').warnings;

  it('says that a VIP has no addresses to choose its outer source from', () => {
    const text = withLine('pool: web }', 'pool: web, entropy: true }');
    expect(warningsOf(text)).toEqual([expect.stringMatching(/^node\.entropy\.prefix: absent, so the one address of this node/)]);
    expect(warningsOf(text.replace('  devices:', '  entropy: { prefix: 10.9.0.0/24 }\n  devices:'))).toEqual([]);
    expect(warningsOf(text.replace('entropy: true', 'entropy: true, encap: l2'))).toEqual([]);
  });

  it('says that the cluster has no secret of its own', () => {
    expect(warningsOf(withLine('  secret: { file: /etc/torii/cluster.key }\n', '  {}\n'))).toEqual([
      expect.stringMatching(/^cluster\.secret: absent, so a fixed key is used/),
    ]);
  });

  it('says that a table is small for its backends', () => {
    expect(warningsOf(withLine('  web:\n', '  web:\n    tableSize: 251\n'))).toEqual([]);
    const many = Array.from({ length: 3 }, (_, i) => `      - { address: 10.0.3.${i + 1} }\n`).join('');
    expect(warningsOf(withLine('  web:\n    backends:\n', `  web:\n    tableSize: 251\n    backends:\n${many}`))).toEqual([
      expect.stringMatching(/^pools\.web\.tableSize: 251 slots are few for 5 backends/),
    ]);
  });

  it('says that nothing is forwarded without a device', () => {
    expect(warningsOf(withLine('  devices:\n    - { name: eth0 }\n', ''))).toEqual([
      expect.stringMatching(/^node\.devices: absent/),
    ]);
  });
});

describe("the design's example document", () => {
  it('is refused only for what this version cannot do, one problem per place', () => {
    const text = readFileSync(new URL('../../fixtures/config/full.yaml', import.meta.url), 'utf8');
    const problems = problemsOf(text);
    expect(problems.every((problem) => problem.includes('not supported in this version'))).toBe(true);
    expect(problems.map((problem) => problem.split(':')[0])).toEqual(['pools.acme-web.healthCheck.via']);
  });

  it('does not ask a replay for what only a running node must be able to do', () => {
    const tunnelled = withLine('path: /healthz }', 'path: /healthz, via: tunnel }').replace(
      '{ name: eth0 }',
      '{ name: eth0, engine: xdp }',
    );
    expect(problemsOf(tunnelled)).toHaveLength(2);
    expect(parseDocument(tunnelled, 'replay').kind).toBe('ok');
  });
});
