import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FamilyName } from '../../../src/bgp/families.ts';
import { makeRoute, RibOut, type Route, type Routes } from '../../../src/bgp/rib-out.ts';

const route = (n: number, med: number): Route => {
  const made = makeRoute(`203.0.113.${n}/32`, { med });
  if (made === undefined) throw new Error('no route');
  return made;
};
const routes = (meds: Readonly<Record<number, number>>): Routes =>
  new Map(Object.entries(meds).map(([n, med]) => [`203.0.113.${n}/32`, route(Number(n), med)]));

const ribOf = (...families: FamilyName[]): RibOut => {
  const rib = new RibOut();
  rib.serve(families);
  return rib;
};

// What a peer holds after everything pending was told, or only the first `limit` routes of it.
const tell = (rib: RibOut, peer: Map<string, number | undefined>, limit = Number.POSITIVE_INFINITY) => {
  let left = limit;
  for (const { policy, routes: batch } of rib.pending()) {
    const part = batch.slice(0, left);
    left -= part.length;
    for (const { prefix } of part) {
      if (policy === undefined) expect(peer.delete(prefix)).toBe(true);
      else peer.set(prefix, policy.med);
    }
    rib.markTold(part, policy === undefined);
  }
};

describe('what a peer is told of routes', () => {
  it('is in the end exactly what is wanted, however often that changed and however slowly it was told', () => {
    const wanted = fc.dictionary(fc.integer({ min: 0, max: 9 }).map(String), fc.integer({ min: 0, max: 3 }));
    const change = fc.record({ wanted, limit: fc.nat({ max: 12 }), refresh: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 20 }), (changes) => {
        const rib = ribOf('ipv4');
        const peer = new Map<string, number | undefined>();
        let last: Routes = new Map();
        for (const { wanted, limit, refresh } of changes) {
          last = routes(wanted);
          rib.want(last);
          if (refresh) rib.refresh('ipv4');
          tell(rib, peer, limit);
          expect(rib.announced).toBe(peer.size);
        }
        tell(rib, peer);
        expect(rib.isClean).toBe(true);
        expect(peer).toEqual(new Map([...last].map(([prefix, { policy }]) => [prefix, policy.med])));
      }),
    );
  });

  it('leaves together when it is alike, withdrawals first', () => {
    const rib = ribOf('ipv4');
    rib.want(routes({ 1: 5, 2: 5, 3: 6 }));
    tell(rib, new Map());
    rib.want(routes({ 2: 7, 3: 7, 4: 7 }));
    expect(rib.pending().map(({ policy, routes: batch }) => [policy?.med, batch.length])).toEqual([
      [undefined, 1],
      [7, 3],
    ]);
  });

  it('is nothing for a change that was taken back before it was told', () => {
    const rib = ribOf('ipv4');
    rib.want(routes({ 1: 5 }));
    tell(rib, new Map());
    rib.want(routes({ 1: 6, 2: 1 }));
    rib.want(routes({ 1: 5 }));
    expect(rib.pending()).toEqual([]);
  });

  it('is taken back when the session serves its family no more, and told once it does again', () => {
    const rib = ribOf('ipv4');
    rib.want(routes({ 1: 5 }));
    tell(rib, new Map());
    rib.serve(['ipv6']);
    expect(rib.pending()).toMatchObject([{ policy: undefined, routes: [{ prefix: '203.0.113.1/32' }] }]);
    rib.serve(['ipv4', 'ipv6']);
    expect(rib.pending()).toEqual([]);
    rib.serve([]);
    tell(rib, new Map([['203.0.113.1/32', 5]]));
    rib.serve(['ipv4']);
    expect(rib.pending()).toMatchObject([{ policy: { med: 5 }, routes: [{ prefix: '203.0.113.1/32' }] }]);
  });

  it('leaves out families that the session does not speak', () => {
    const rib = ribOf('ipv6');
    rib.want(routes({ 1: 5 }));
    expect(rib.pending()).toEqual([]);
  });

  it('is refused where a prefix is none', () => {
    for (const text of ['203.0.113.1/33', '203.0.113.1/24', 'fd00::/129', 'web', '']) expect(makeRoute(text, {})).toBeUndefined();
  });
});
