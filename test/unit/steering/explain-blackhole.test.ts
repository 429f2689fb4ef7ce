import { describe, expect, it } from 'vitest';
import { parseFlow } from '../../../src/model/flow.ts';
import { explain } from '../../../src/steering/explain.ts';
import { desiredOf } from '../../support/desired.ts';

describe('an explained flow to a blackholed VIP', () => {
  it('is dropped as the packet path does it, and says who told it to', () => {
    const flow = parseFlow('tcp 198.51.100.7:40000 203.0.113.10:80');
    if (flow === undefined) throw new Error('no flow');
    const view = explain(flow, {
      desired: desiredOf({ vips: [{ vip: '203.0.113.10:80/tcp', isBlackhole: true }] }),
      entry: () => undefined,
      timeouts: () => undefined,
      backend: () => undefined,
      slot: () => 1,
      backendAddress: () => '10.0.2.21',
      learnedMtu: () => undefined,
    });
    expect(view).toMatchObject({ verdict: 'drop', reason: 'denied', vip: '203.0.113.10:80/tcp', tenant: 'acme', backend: null });
    expect(view.steps.map(({ result }) => result)).toContain(
      'the document says blackhole: true: routers discard its packets, and what comes is dropped',
    );
  });
});
