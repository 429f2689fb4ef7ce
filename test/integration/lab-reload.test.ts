// Documents that change under traffic: by file change, by SIGHUP, for the better and for the worse.

import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabBalancer } from '../../deploy/lab/balancer.ts';
import { noIntent } from '../../deploy/lab/documents.ts';
import { Lab, remains, tearDown } from '../../deploy/lab/lab.ts';
import { Traffic } from '../../deploy/lab/traffic/traffic.ts';
import { until } from '../../deploy/lab/until.ts';
import type { BackendView } from '../../src/model/views.ts';
import { labEngine } from './support/lab.ts';

const isRoot = process.getuid?.() === 0;
const name = 'torii-test-reload';

describe.skipIf(!isRoot)('while requests flow, a document', () => {
  let lab: Lab;
  let traffic: Traffic;

  beforeAll(async () => {
    lab = await Lab.up({ name, engine: labEngine });
    traffic = Traffic.start(lab, { vip: lab.topology.vips.globex, mode: { kind: 'fresh', perSec: 80 } });
    await traffic.until((results) => results.length > 20, 'traffic before the first change');
  });

  afterAll(async () => {
    await traffic?.stop();
    await tearDown(name);
    expect(remains(name)).toEqual([]);
  });

  async function everyBalancer(holds: (balancer: LabBalancer) => Promise<boolean>, what: string): Promise<void> {
    const all = async () => (await Promise.all(lab.balancers.map(holds))).every(Boolean);
    await until(all, { what, timeoutMs: 10_000 });
  }

  const viewsOf = async (balancer: LabBalancer, address: string): Promise<readonly BackendView[]> => {
    const views = (await balancer.read('backends')).filter((view) => view.address === address);
    expect(views.length).toBeGreaterThan(0);
    return views;
  };

  it('that drains a backend is taken by file change, and back by SIGHUP', async () => {
    const address = lab.topology.backends[0]?.address ?? '';
    lab.writeDocuments({ states: { [address]: 'draining' } });
    const isDraining = async (balancer: LabBalancer) =>
      (await viewsOf(balancer, address)).every(({ state, takesNewFlows }) => state === 'draining' && !takesNewFlows);
    await everyBalancer(isDraining, 'the drain by document');
    lab.writeDocuments(noIntent);
    for (const balancer of lab.balancers) balancer.reload();
    const isBack = async (balancer: LabBalancer) =>
      (await viewsOf(balancer, address)).every(({ takesNewFlows }) => takesNewFlows);
    await everyBalancer(isBack, 'the backend to take flows again');
  });

  it('that is broken changes nothing, and says where it is broken', async () => {
    const before = await Promise.all(lab.balancers.map((balancer) => balancer.read('status')));
    for (const balancer of lab.balancers) {
      writeFileSync(balancer.documentFile(), 'version: 1\ntenants: [{ name: acme, vips: 7 }]\n');
      balancer.reload();
    }
    const saysSo = async (balancer: LabBalancer) => (await balancer.read('status')).lastError?.message.includes('vips') === true;
    await everyBalancer(saysSo, 'the error in the status');
    const after = await Promise.all(lab.balancers.map((balancer) => balancer.read('status')));
    expect(after.map(({ vips, backends, generation }) => ({ vips, backends, generation }))).toEqual(
      before.map(({ vips, backends, generation }) => ({ vips, backends, generation })),
    );
    await lab.waitForBalancers(2, 1_000);
    lab.writeDocuments(noIntent);
  });

  it('costs no request in any of this', async () => {
    const soFar = traffic.results.length;
    await traffic.until((results) => results.length > soFar + 50, 'traffic after the last change');
    expect((await traffic.stop()).filter(({ ok }) => !ok)).toEqual([]);
  });
});
