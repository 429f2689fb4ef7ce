// Documents without a pause: as soon as one edition is in force on a balancer it gets the next.

import { renameSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import type { LabBalancer } from '../deploy/lab/balancer.ts';
import type { Lab } from '../deploy/lab/lab.ts';
import type { BfdTimes } from '../deploy/lab/routers/router.ts';
import { until } from '../deploy/lab/until.ts';
import { ToriiError } from '../src/errors.ts';
import { balancerDocument } from './soak-documents.ts';

const patienceMs = 60_000;
const lookMs = 25;

/** Until that moment (performance.now()); how many came into force, on all balancers together. */
export async function reloadUntil(lab: Lab, bfd: BfdTimes, deadlineMs: number): Promise<number> {
  const each = lab.balancers.map(async (balancer) => {
    let edition = 0;
    while (performance.now() < deadlineMs) await reload(balancer, balancerDocument(lab.topology, balancer.node, bfd, ++edition));
    return edition;
  });
  return (await Promise.all(each)).reduce((all, count) => all + count, 0);
}

async function reload(balancer: LabBalancer, document: object): Promise<void> {
  const { revision: before } = await balancer.read('status');
  const file = balancer.documentFile();
  writeFileSync(`${file}.new`, stringify(document));
  renameSync(`${file}.new`, file);
  const isInForce = async () => {
    const { revision, lastError } = await balancer.read('status');
    if (lastError !== null) throw new ToriiError('config_invalid', `the document was refused: ${lastError.message}`);
    return revision > before;
  };
  await until(isInForce, { what: `a document of ${balancer.id} to be in force`, timeoutMs: patienceMs, everyMs: lookMs });
}
