import { describe, expect, it } from 'vitest';
import { checkDocument } from '../../../src/config/check-document.ts';
import { loadDataplaneAddon } from '../../../src/dataplane/addon.ts';
import { documentSlotLines, limits, linesOf, slotsPerLine } from '../../../src/model/limits.ts';

interface Parts {
  readonly vips?: readonly object[];
  readonly pools?: Readonly<Record<string, object>>;
}

const problemsOf = ({ vips = [], pools = { web: { backends: [] } } }: Parts): readonly string[] =>
  checkDocument(
    JSON.stringify({ version: 1, node: { address: '10.0.1.11' }, tenants: [{ name: 'acme', vips }], pools }, null, 1),
    'torii.yaml',
  ).problems;
const many = <Item>(count: number, item: (i: number) => Item): Item[] => Array.from({ length: count }, (_, i) => item(i));
const addressOf = (i: number): string => `10.${(i >> 16) + 1}.${(i >> 8) & 255}.${i & 255}`;

describe('a document that is larger than the tables', () => {
  it('is measured by what native code has', () => {
    const { constants } = loadDataplaneAddon().layout();
    expect(constants).toMatchObject({
      MAX_VIPS: limits.vips,
      MAX_BACKENDS: limits.backends,
      MAX_POOLS: limits.pools,
      MAX_TENANTS: limits.tenants,
      MAX_PROFILES: limits.timeoutSets,
      ADDRESS_RANGES_MAX: limits.portRangesPerAddress,
      SLOTS_PER_LINE: slotsPerLine,
    });
  });

  it('is refused at the table that no longer fits', () => {
    const fitting = Math.floor(documentSlotLines / linesOf(65_537));
    const poolsOf = (count: number) =>
      Object.fromEntries(many(count, (i) => [`p${i}`, { tableSize: 65_537, backends: [{ address: '10.0.2.21' }] }]));
    expect(problemsOf({ pools: poolsOf(fitting) })).toEqual([]);
    expect(problemsOf({ pools: poolsOf(fitting + 1) })).toEqual([
      expect.stringMatching(/^pools\.p682\.tableSize: expected at most 44739232 table slots in all pools .*\(torii\.yaml:\d+\)$/),
    ]);
  });

  it('is refused at the first backend too many', () => {
    const backends = many(limits.backends + 1, (i) => ({ address: addressOf(i) }));
    expect(problemsOf({ pools: { web: { backends } } })).toEqual([
      expect.stringMatching(/^pools\.web\.backends\[65535\]: expected at most 65535 backends .*\(torii\.yaml:\d+\)$/),
    ]);
  });

  it('is refused at the first VIP too many, each port counted', () => {
    const ports = many(limits.vips - 63_000, (i) => i + 1);
    const vips = many(64, (i) => ({
      address: `203.0.113.${i + 1}`,
      protocol: 'tcp',
      ports: many(1000, (p) => p + 1),
      pool: 'web',
    }));
    vips[63] = { address: '203.0.113.200', protocol: 'tcp', ports, pool: 'web' };
    expect(problemsOf({ vips })).toEqual([]);
    vips.push({ address: '203.0.113.201', protocol: 'tcp', ports: [80], pool: 'web' });
    expect(problemsOf({ vips })).toEqual([expect.stringMatching(/^tenants\[0\]\.vips\[64\]: expected at most 65535 VIPs/)]);
  });

  it('is refused at the first set of timeouts and the first port range too many', () => {
    const timed = many(257, (i) => ({
      address: addressOf(i),
      protocol: 'tcp',
      ports: [80],
      pool: 'web',
      timeouts: { tcpSec: 100 + i },
    }));
    expect(problemsOf({ vips: timed })).toEqual([
      expect.stringMatching(/^tenants\[0\]\.vips\[256\]\.timeouts: expected at most 256 different sets of timeouts/),
    ]);
    const ranges = many(65, (i) => `${i * 10 + 1}-${i * 10 + 5}`);
    expect(problemsOf({ vips: [{ address: '203.0.113.10', protocol: 'udp', ports: ranges, pool: 'web' }] })).toEqual([
      expect.stringMatching(/^tenants\[0\]\.vips\[0\]\.ports: expected at most 64 port ranges at 203\.0\.113\.10/),
    ]);
  });
});
