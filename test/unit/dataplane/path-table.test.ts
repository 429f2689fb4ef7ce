import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadDataplaneAddon } from '../../../src/dataplane/addon.ts';
import { MemoryEngine } from '../../../src/dataplane/memory-engine.ts';
import { PathTable } from '../../../src/dataplane/path-table.ts';
import { backendKey } from '../../../src/model/backend.ts';
import { desiredOf, nodeAddress } from '../../support/desired.ts';
import { be16, bytes, ipPacket, protocols } from '../../support/ip-packets.ts';
import { ethernetFrame, icmpPacket } from '../../support/packets.ts';

const backend = '10.0.2.21';
const nowSec = 10_000;
const ns = (sec: number): bigint => BigInt(sec) * 1_000_000_000n;

/** "Fragmentation needed" about an outer packet. */
function tooBig(mtuBytes: number): Uint8Array {
  const body = ipPacket({ source: nodeAddress, destination: backend, protocol: protocols.ipip }, new Uint8Array(8));
  const rest = bytes([0, 0], be16(mtuBytes));
  return ethernetFrame(icmpPacket({ from: '10.0.3.254', to: nodeAddress, type: 3, code: 4, rest, body }));
}

describe('what ICMP told of a way', () => {
  const addon = { ...loadDataplaneAddon(), now: () => ns(nowSec) };
  let engine: MemoryEngine;
  let index = 0;
  beforeEach(() => {
    engine = new MemoryEngine({ flowEntries: 1024 });
    const { backends } = engine.load(desiredOf({ vips: ['203.0.113.10:80/tcp'], pools: { web: [backend] } })).allocation;
    index = backends.owned.get(backendKey('web', backend))?.index ?? 0;
  });
  afterEach(() => engine.close());

  const learned = () => new PathTable(addon, engine.engine).learned(index);

  it('is nothing at first', () => {
    expect(index).toBeGreaterThan(0);
    expect(learned()).toBeUndefined();
  });

  it('is an MTU and how long ago, for ten minutes', () => {
    engine.run([{ bytes: tooBig(1400), timeNs: ns(nowSec - 500) }]);
    expect(learned()).toEqual({ mtuBytes: 1400, agoSec: 500 });
  });

  it('is nothing any more behind them', () => {
    engine.run([{ bytes: tooBig(1400), timeNs: ns(nowSec - 600) }]);
    expect(learned()).toBeUndefined();
  });
});
