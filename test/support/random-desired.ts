// Random desired states for differential tests, small enough that reloads hit the same VIPs, tenants and backends again.

import type { Desired } from '../../src/model/desired.ts';
import type { Timeouts } from '../../src/model/vip.ts';
import { type BackendWords, type DesiredWords, desiredOf, type VipWords } from './desired.ts';
import type { Random } from './random.ts';
import { backendAddresses, entropyPrefixes, otherNodeAddress, vipAddresses, vipPrefixes } from './random-packets.ts';

const pools = ['one', 'two'] as const;
const tenants = ['acme', 'beta', 'free'] as const;
const portsOfVips = ['80', '443', '8000-8100', '*'] as const;

export function randomDesired(random: Random): Desired {
  const words: DesiredWords = {
    vips: [...vipAddresses, ...vipPrefixes.filter(() => random.oneIn(3))].flatMap((prefix) => randomVips(random, prefix)),
    pools: Object.fromEntries(pools.map((pool) => [pool, randomBackends(random)])),
    plans: randomPlans(random),
    tableSize: random.oneIn(6) ? 257 : 251,
    ...(random.oneIn(10) ? { clusterSecret: 'c0'.repeat(32) } : {}),
    ...(random.oneIn(10) ? { nodeAddress: otherNodeAddress } : {}),
    ...(random.oneIn(2) ? { entropy: random.oneIn(2) ? entropyPrefixes : { prefix: entropyPrefixes.prefix } } : {}),
    echo: { rate: 3, burst: 4 },
    tooBig: { rate: 2, burst: 5 },
    timeExceeded: { rate: 1, burst: 3 },
  };
  return words.vips.length > 0 ? desiredOf(words) : randomDesired(random);
}

function randomVips(random: Random, prefix: string): readonly VipWords[] {
  const host = prefix.includes(':') ? `[${prefix}]` : prefix;
  const vips: VipWords[] = [];
  const isBySource = random.oneIn(4);
  for (const protocol of ['tcp', 'udp']) {
    for (const ports of portsOfVips) {
      if (random.oneIn(3)) continue;
      vips.push({
        vip: `${host}:${ports}/${protocol}`,
        tenant: random.pick(tenants),
        pool: isBySource ? pools[0] : random.pick(pools),
        hash: isBySource ? 'source' : random.pick(['5tuple', '5tuple', 'source', 'destinationPort']),
        encap: random.oneIn(5) ? 'l2' : 'ipip',
        entropy: random.oneIn(4),
        isBlackhole: random.oneIn(12),
        timeouts: randomTimeouts(random),
        ...(random.oneIn(12) ? { isBlackhole: true } : {}),
        ...(random.oneIn(8) ? { activePool: random.pick(pools) } : {}),
        ...(random.oneIn(8) ? { keptPool: random.pick(pools) } : {}),
      });
    }
  }
  return vips;
}

function randomTimeouts(random: Random): Partial<Timeouts> {
  if (random.oneIn(2)) return {};
  return {
    probationSec: random.pick([1, 10, 30]),
    tcpSec: random.pick([2, 100, 3600]),
    finSec: random.pick([60, 120]),
    udpSec: 1 + random.below(120),
  };
}

function randomBackends(random: Random): readonly BackendWords[] {
  return backendAddresses
    .filter(() => !random.oneIn(5))
    .map((address) => ({
      address,
      weight: random.oneIn(6) ? 0 : random.pick([1, 50, 100, 100]),
      state: random.oneIn(6) ? random.pick(['draining', 'disabled']) : 'active',
      health: random.oneIn(6) ? random.pick(['down', 'unknown']) : 'up',
      mtuBytes: random.oneIn(3) ? random.pick([1400, 1320, 576, 100, 68, 44]) : 1500,
      isUnresolved: random.oneIn(12),
      isOpen: random.oneIn(15),
    }));
}

function randomPlans(random: Random): NonNullable<DesiredWords['plans']> {
  const plan = () => ({ cps: 1 + random.below(5), burst: 1 + random.below(20), udp: random.oneIn(2) });
  return {
    ...(random.oneIn(6) ? {} : { acme: plan() }),
    ...(random.oneIn(6) ? {} : { beta: { cps: 1 + random.below(1500), burst: 5 } }),
  };
}
