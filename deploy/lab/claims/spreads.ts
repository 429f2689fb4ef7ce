// Claims: traffic arrives and spreads over balancers and backends; backends see the client's own address.

import { countBy, summarize } from '../traffic/summary.ts';
import { type Claim, outcomeOf } from './claim.ts';
import { describeFailures, failuresOf } from './judge.ts';

/** The least a node may get of its fair share. Loose: with a few hundred flows, chance alone moves a share a lot. */
const leastOfFairShare = 0.3;
const observeMs = 3_000;

function belowShare(counts: Readonly<Record<string, number>>, names: readonly string[]): readonly string[] {
  const total = names.reduce((sum, name) => sum + (counts[name] ?? 0), 0);
  return names.filter((name) => (counts[name] ?? 0) < (total / names.length) * leastOfFairShare);
}

export const spreads: Claim = {
  id: 'trafficSpreads',
  sentence: 'traffic arrives, and spreads over all balancers and backends',
  action: ({ lab }) => `requests flow to 2 VIPs through ${lab.balancers.length} balancers to ${lab.backends.length} backends`,
  async check(scene) {
    const before = await scene.newFlows();
    const startMs = Date.now();
    const results = await scene.window(startMs, startMs + observeMs);
    const after = await scene.newFlows();
    const flows = Object.fromEntries(Object.entries(after).map(([id, count]) => [id, count - (before[id] ?? 0)]));
    const summary = summarize(results);
    const balancers = scene.lab.balancers.map(({ id }) => id);
    const backends = scene.lab.backends.map(({ id }) => id);
    const starved = [...belowShare(flows, balancers), ...belowShare(summary.byBackend, backends)];
    return outcomeOf(
      [
        { holds: summary.requests > 0, otherwise: 'no request ended' },
        { holds: summary.failed === 0, otherwise: `failed requests: ${describeFailures(results)}` },
        { holds: starved.length === 0, otherwise: `hardly any traffic on ${starved.join(', ')}` },
      ],
      `${summary.requests} requests, none failed, p50 ${summary.p50Ms} ms, p99 ${summary.p99Ms} ms`,
      {
        requests: summary.requests,
        failed: summary.failed,
        p50Ms: summary.p50Ms,
        p99Ms: summary.p99Ms,
        newFlows: flows,
        byBackend: summary.byBackend,
      },
    );
  },
};

export const clientAddress: Claim = {
  id: 'clientAddressSeen',
  sentence: "the backend sees the client's own address and the VIP it asked for",
  action: ({ lab }) => `the client sends from ${lab.topology.clients.length} addresses in turn`,
  check(scene) {
    const answered = scene.results().filter(({ ok }) => ok);
    const wrong = answered.filter(({ clientAddress, clientAddressSeen }) => clientAddressSeen !== clientAddress);
    const expected = new Set(Object.values(scene.lab.topology.vips).map(({ address, port }) => `${address}:${port}`));
    const wrongVip = answered.filter(({ vipSeen }) => vipSeen === null || !expected.has(vipSeen));
    const seen = countBy(answered, ({ clientAddressSeen }) => clientAddressSeen ?? 'none');
    const count = Object.keys(seen).length;
    return Promise.resolve(
      outcomeOf(
        [
          {
            holds: count === scene.lab.topology.clients.length,
            otherwise: `expected every client address, saw ${Object.keys(seen).join(', ')}`,
          },
          { holds: wrong.length === 0, otherwise: `${wrong.length} requests arrived with another address than the client's` },
          { holds: wrongVip.length === 0, otherwise: `${wrongVip.length} requests arrived for an address that is no VIP` },
        ],
        `${answered.length} answers, ${count} client addresses, each seen as it was sent`,
        { answers: answered.length, clientAddresses: count, wrong: wrong.length, failed: failuresOf(scene.results()) },
      ),
    );
  },
};
