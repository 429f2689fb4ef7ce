// What every flow through the lab must show, beyond the demo's story: balancers that agree with each other and with
// what they say of themselves, and bodies that arrive whole.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callApi } from '../../deploy/lab/api-client.ts';
import { Lab, remains, tearDown } from '../../deploy/lab/lab.ts';
import { builtFile } from '../../deploy/lab/programs.ts';
import { run } from '../../deploy/lab/shell.ts';
import { Traffic } from '../../deploy/lab/traffic/traffic.ts';
import type { TransferReport } from '../../deploy/lab/traffic/transfer.ts';
import { flowText } from '../../src/model/flow.ts';
import type { ExplainView } from '../../src/model/views.ts';
import { labEngines } from './support/lab.ts';

const isRoot = process.getuid?.() === 0;
const name = 'torii-test-traffic';
const transferBytes = 4_000_000;

async function transfer(lab: Lab): Promise<TransferReport> {
  const { vips, namespaces } = lab.topology;
  const program = builtFile('deploy/lab/traffic/transfer.js');
  const argv = [process.execPath, program, vips.globex.address, `${vips.globex.port}`, `${transferBytes}`];
  return JSON.parse(await run(argv, { namespace: namespaces.client, timeoutMs: 45_000 })) as TransferReport;
}

const ways = [
  ['as a network card delivers it', false],
  ['with checksum and segmentation offload on before the balancers', true],
] as const;

describe.skipIf(!isRoot).each(labEngines.flatMap((engine) => ways.map(([what, offload]) => [engine, what, offload] as const)))(
  'traffic by %s, %s',
  (engine, _what, offload) => {
    let lab: Lab;

    beforeAll(async () => {
      lab = await Lab.up({ name, engine }, { offload });
    });

    afterAll(async () => {
      await tearDown(name);
      expect(remains(name)).toEqual([]);
    });

    it('carries large bodies both ways, every byte intact', async () => {
      expect(await transfer(lab)).toEqual({
        sentBytes: transferBytes,
        arrivedBytes: transferBytes,
        isUploadIntact: true,
        receivedBytes: transferBytes,
        isDownloadIntact: true,
      });
    });

    it('goes where every balancer says it goes', async () => {
      const vip = lab.topology.vips.globex;
      const traffic = Traffic.start(lab, { vip, mode: { kind: 'fresh', perSec: 100 }, durationMs: 600 });
      const results = await traffic.ended();
      expect(results.length).toBeGreaterThan(30);
      const addressOf = new Map(lab.backends.map(({ id, node }) => [id, node.address]));
      for (const { ok, error, backend, clientAddress, clientPort } of results) {
        expect(ok, error ?? '').toBe(true);
        const flow = flowText({ protocol: 'tcp', source: { address: clientAddress, port: clientPort ?? 0 }, destination: vip });
        for (const { socket } of lab.balancers) {
          const view = await callApi<ExplainView>({ socket, path: `/v1/explain?flow=${encodeURIComponent(flow)}` });
          expect(view).toMatchObject({ verdict: 'forward', backend: addressOf.get(backend ?? '') });
        }
      }
    });

    it('is steered by the same tables on every balancer', async () => {
      const pools = await Promise.all(lab.balancers.map((balancer) => balancer.read('pools')));
      const checksums = pools.map((views) => views.map((view) => [view.pool, view.fillChecksum, view.tableChecksum]));
      expect(checksums.length).toBe(2);
      expect(checksums[1]).toEqual(checksums[0]);
    });
  },
);
