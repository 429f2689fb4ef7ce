import { describe, expect, it } from 'vitest';
import { nameFlows } from '../../../src/control/flow-views.ts';
import type { FlowQuery } from '../../../src/model/views.ts';

const names = {
  vips: new Map(),
  limitsMs: new Map(),
  backends: new Map([[3, { address: '10.0.2.21', generation: 1 }]]),
};
const query: FlowQuery = { vip: null, backend: null, source: null, limit: 100, from: 0 };

describe('flows by name', () => {
  it('are refused for a VIP or a backend that the document does not have, since "none" would look like an answer', () => {
    expect(() => nameFlows({ ...query, vip: '203.0.113.99:80/tcp' }, names)).toThrow('no VIP 203.0.113.99:80/tcp');
    expect(() => nameFlows({ ...query, backend: '10.0.2.12' }, names)).toThrow('no backend 10.0.2.12');
    expect(nameFlows({ ...query, backend: '10.0.2.21' }, names).view({ records: [], next: null })).toEqual({
      flows: [],
      next: null,
    });
  });
});
