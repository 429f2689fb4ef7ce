import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { balancerDocument, hostDocument } from '../../../deploy/lab/documents.ts';
import { type LabNode, planTopology, type Topology } from '../../../deploy/lab/topology.ts';
import { checkDocument } from '../../../src/config/check-document.ts';
import { parseOrThrow } from '../../../src/config/parse.ts';

const topology = planTopology({ balancers: 3, backends: 5 });

function each(nodes: readonly LabNode[], document: (topology: Topology, node: LabNode) => object): readonly string[] {
  expect(nodes.length).toBeGreaterThan(0);
  return nodes.map((node) => stringify(document(topology, node)));
}

describe('the documents of the lab', () => {
  it('are ones that Torii accepts, those of balancers without a warning', () => {
    for (const text of each(topology.balancers, balancerDocument)) {
      expect(checkDocument(text, 'lab.yaml')).toMatchObject({ problems: [], warnings: [] });
    }
    for (const text of each(topology.backends, hostDocument)) expect(checkDocument(text, 'lab.yaml').problems).toEqual([]);
  });

  it('say the same of the cluster on every node', () => {
    const texts = [...each(topology.balancers, balancerDocument), ...each(topology.backends, hostDocument)];
    const clusterParts = texts.map((text) => {
      const { tenants, vips, pools } = parseOrThrow(text, 'lab.yaml').config;
      return JSON.stringify({ tenants, vips, pools });
    });
    expect(new Set(clusterParts).size).toBe(1);
  });

  it('carry the operator’s state of a backend', () => {
    const [first] = topology.balancers;
    const address = topology.backends[1]?.address ?? '';
    const text = first === undefined ? '' : stringify(balancerDocument(topology, first, { states: { [address]: 'draining' } }));
    const { pools } = parseOrThrow(text, 'lab.yaml').config;
    const states = pools.map((pool) => pool.backends.map((backend) => backend.state));
    expect(states).toEqual(pools.map(() => ['active', 'draining', 'active', 'active', 'active']));
  });
});
