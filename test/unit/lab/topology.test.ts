import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { namespacePrefix, planTopology } from '../../../deploy/lab/topology.ts';

const size = fc.integer({ min: 1, max: 100 });

describe('the plan of a lab', () => {
  it('gives every node a namespace and an address of its own', () => {
    fc.assert(
      fc.property(size, size, fc.constantFrom('fabric', 'rack'), (balancers, backends, backendsOn) => {
        const plan = planTopology({ balancers, backends, backendsOn });
        const nodes = [...plan.balancers, ...plan.backends];
        expect(new Set(nodes.map((node) => node.namespace)).size).toBe(balancers + backends);
        expect(new Set(nodes.map((node) => node.address)).size).toBe(balancers + backends);
        expect(new Set(nodes.map((node) => node.address6)).size).toBe(balancers + backends);
      }),
    );
  });

  it('names namespaces so that no lab’s prefix covers another lab’s', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,23}$/);
    fc.assert(
      fc.property(name, name, (one, other) => {
        fc.pre(one !== other);
        const namespaces = Object.values(planTopology({ name: other }).namespaces);
        expect(namespaces.some((namespace) => namespace.startsWith(namespacePrefix(one)))).toBe(false);
      }),
    );
  });

  it.each([['Upper'], ['under_score'], ['../escape'], [''], ['1st'], ['a'.repeat(25)]])('refuses the name %j', (name) => {
    expect(() => planTopology({ name })).toThrow(/lab name: expected/);
  });

  it.each([[0], [-1], [101], [1.5], [Number.NaN]])('refuses %d balancers', (balancers) => {
    expect(() => planTopology({ balancers })).toThrow(/balancers: expected 1\.\.100/);
  });
});
