import { describe, expect, it } from 'vitest';
import { type GobgpPath, multipath, parseNeighbours, parseRib, routeOf } from '../../../deploy/lab/routers/gobgp-json.ts';

const path = (nextHop: string, more: Partial<GobgpPath> = {}, attrs: GobgpPath['attrs'] = []): GobgpPath => ({
  attrs: [{ type: 1, value: 0 }, { type: 2, as_paths: [{ asns: [65010] }] }, { type: 3, nexthop: nextHop }, ...attrs],
  ...more,
});

describe('the next hops that GoBGP’s routes go to', () => {
  const best = path('10.66.0.12', { best: true });

  it('are those of all paths as good as the best, sorted', () => {
    expect(multipath([best, path('10.66.0.11')])).toEqual(['10.66.0.11', '10.66.0.12']);
  });

  it.each([
    ['a lower preference', [{ type: 5, value: 0 }]],
    ['a higher MED', [{ type: 4, metric: 4_294_967_295 }]],
  ])('are without one of %s', (_what, attrs) => {
    expect(multipath([best, path('10.66.0.11', {}, attrs)])).toEqual(['10.66.0.12']);
  });

  it('are none for a route of its own', () => {
    expect(multipath([path('0.0.0.0', { best: true })])).toEqual([]);
  });
});

describe('what GoBGP says', () => {
  it('of a route is what came with it', () => {
    const attrs = [
      { type: 4, metric: 7 },
      { type: 5, value: 0 },
      { type: 8, communities: [4_294_901_760, 4_259_840_100] },
      { type: 32, value: [{ ASN: 65000, LocalData1: 1, LocalData2: 2 }] },
    ];
    expect(routeOf(path('10.66.0.11', {}, attrs))).toEqual({
      nextHop: '10.66.0.11',
      asPath: [65010],
      communities: ['65535:0', '65000:100'],
      largeCommunities: ['65000:1:2'],
      med: 7,
      localPref: 0,
    });
  });

  it('of neighbours is their state in words', () => {
    const text = JSON.stringify([
      { state: { neighbor_address: '10.66.0.11', session_state: 6 }, afi_safis: [{ state: { accepted: 2 } }] },
      { state: { neighbor_address: 'fd66::12', session_state: 3 } },
    ]);
    expect(parseNeighbours(text)).toEqual([
      { address: '10.66.0.11', state: 'Established', established: true, prefixes: 2 },
      { address: 'fd66::12', state: 'Active', established: false, prefixes: 0 },
    ]);
  });

  it('of an empty table, in words, is an empty table', () => {
    expect(parseRib('Network not in table\n')).toEqual({});
  });
});
