// ICMP about outer packets that never came: counted against the backends at the address they were for, and the kernel's to read.

import { beforeAll, describe, expect, it } from 'vitest';
import { MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import { a, b, tcpVip, zeros } from '../fixtures/common.ts';
import { bpfAddon, bpfLimits, bpfUnavailable, clangs } from '../support/bpf-engine.ts';
import { desiredOf, nodeAddress } from '../support/desired.ts';
import { ipPacket, protocols } from '../support/ip-packets.ts';
import { ethernetFrame, icmpPacket } from '../support/packets.ts';

const addressesOf = { web: [a, b], other: [a] };
const desired = desiredOf({ vips: [tcpVip, { vip: '203.0.113.11:80/tcp', pool: 'other' }], pools: addressesOf });

interface Told {
  readonly type: number;
  readonly code?: number;
  readonly backend?: string;
  /** Of the quoted packet. */
  readonly source?: string;
}

/** From a router on the way to the node, about an outer packet. */
function told({ type, code = 0, backend = a, source = nodeAddress }: Told): Uint8Array {
  const quoted = { source, destination: backend, protocol: protocols.ipip, dontFragment: true };
  const body = ipPacket(quoted, zeros(8));
  return ethernetFrame(icmpPacket({ from: '10.0.3.254', to: nodeAddress, type, code, body }));
}

const engines = [
  { name: 'memory engine', unavailable: null, addon: () => undefined },
  ...clangs.map((clang) => ({
    name: `BPF program of clang ${clang}`,
    unavailable: bpfUnavailable(),
    addon: () => bpfAddon(clang),
  })),
];

describe.each(engines)('$name', ({ unavailable, addon: load }) => {
  beforeAll(() => {
    if (unavailable === null) load();
  });

  /** By pool and address, after these frames. */
  function counted(frames: readonly Uint8Array[]): Readonly<Record<string, number>> {
    const addon = load();
    const engine = new MemoryEngine({ flowEntries: 64, limits: bpfLimits, ...(addon && { addon }) });
    try {
      const { backends } = engine.load(desired).allocation;
      const outcomes = engine.run(frames.map((bytes) => ({ bytes, timeNs: 0n })));
      expect(outcomes.map(({ verdict }) => verdict)).toEqual(frames.map(() => 'pass'));
      return Object.fromEntries([...backends.owned].map(([key, { index }]) => [key, engine.counters.backend(index).unreachable]));
    } finally {
      engine.close();
    }
  }

  const none = { [`web/${a}`]: 0, [`web/${b}`]: 0, [`other/${a}`]: 0 };

  it.skipIf(unavailable !== null)('counts unreachable and time exceeded against every backend of the address', () => {
    expect(counted([told({ type: 3 }), told({ type: 3, code: 13 }), told({ type: 11 })])).toEqual({
      ...none,
      [`web/${a}`]: 3,
      [`other/${a}`]: 3,
    });
    expect(counted([told({ type: 3, backend: b })])).toEqual({ ...none, [`web/${b}`]: 1 });
  });

  it.skipIf(unavailable !== null)('counts neither what tells an MTU nor what quotes another’s packet', () => {
    const others = [
      told({ type: 3, source: '10.0.3.1' }),
      told({ type: 3, backend: '10.0.2.99' }),
      told({ type: 8 }),
      told({ type: 12 }),
    ];
    expect(counted([told({ type: 3, code: 4 }), ...others])).toEqual(none);
  });
});
