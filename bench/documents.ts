// Whole documents for benchmarks, in two editions that differ as much as the guard allows: every VIP is in another pool, every
// weight is another, half of the backends are replaced, and so is a tenth of the VIPs. Pure.

/** A document without its node section. */
export interface DocumentSize {
  readonly vips: number;
  readonly pools: number;
  readonly backends: number;
  readonly protocol: 'tcp' | 'udp';
  /** Of a document in a file; absent: YAML. */
  readonly format?: 'json';
}

export interface Edition {
  /** The second edition instead of the first. */
  readonly isOther?: boolean;
  /** Weight of the first pool's first backend. */
  readonly firstWeight?: number;
}

/** VIPs that both editions have stand first: vipAddress(0) … vipAddress(keptVips - 1). */
export function keptVips(vips: number): number {
  return vips - Math.floor(vips / 10);
}

export const vipPort = 80;

export function vipAddress(i: number): string {
  return `203.${i >> 16}.${112 + ((i >> 8) & 127)}.${i & 255}`;
}

/** What the backends of both editions are in. */
export const backendPrefix = '10.80.0.0/12';

function backendAddress(i: number, isOther: boolean): string {
  return `10.${isOther ? 88 : 80}.${i >> 8}.${i & 255}`;
}

/** The first pool's first backend, as operators name it. */
export const firstBackend = `pool-0/${backendAddress(0, false)}`;

export function documentOf({ vips, pools, backends, protocol }: DocumentSize, edition: Edition = {}): object {
  const { isOther = false, firstWeight = 100 } = edition;
  const perPool = Math.floor(backends / pools);
  const vipNumber = (i: number): number => (isOther && i >= keptVips(vips) ? i + vips : i);
  const backend = (i: number): object => ({
    address: backendAddress(i, isOther && i % 2 === 1),
    weight: i === 0 ? firstWeight : isOther ? 50 + (i % 50) : 100,
  });
  return {
    tenants: [
      {
        name: 'acme',
        vips: Array.from({ length: vips }, (_, i) => ({
          address: vipAddress(vipNumber(i)),
          protocol,
          ports: [vipPort],
          pool: `pool-${(i + (isOther ? 1 : 0)) % pools}`,
        })),
      },
    ],
    pools: Object.fromEntries(
      Array.from({ length: pools }, (_, pool) => [
        `pool-${pool}`,
        { backends: Array.from({ length: perPool }, (__, i) => backend(pool * perPool + i)) },
      ]),
    ),
  };
}
