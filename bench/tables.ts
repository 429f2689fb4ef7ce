// One Maglev table, natively: filled anew, and refilled after one backend of a filled table has gone.

import { loadDataplaneAddon } from '../src/dataplane/addon.ts';
import { expandMaglevKey } from '../src/steering/maglev.ts';
import { type BenchOptions, best, type Measure } from './report.ts';

const size = 65_537;
const identityBytes = 16;

function identitiesOf(backends: number): Uint8Array {
  const identities = new Uint8Array(backends * identityBytes);
  for (let i = 0; i < backends; i++) {
    identities.set([0xff, 0xff, 10, 0, i >> 8, i & 255], i * identityBytes + 10);
  }
  return identities;
}

export function measureTables({ isQuick }: BenchOptions, report: (measure: Measure) => void): void {
  const tries = isQuick ? 10 : 50;
  const addon = loadDataplaneAddon();
  const key = expandMaglevKey('5a'.repeat(32));
  const cases = [{ backends: 100, limit: 5 }, { backends: 1000 }, { backends: 1000, areUnequal: true }];
  for (const { backends, limit, areUnequal = false } of cases) {
    const identities = identitiesOf(backends);
    const weights = Uint32Array.from({ length: backends }, (_, i) => (areUnequal ? 1 + ((i * 7919) % 256) : 100));
    const indices = Uint16Array.from({ length: backends }, (_, i) => i + 1);
    const filled = new Uint16Array(size);
    const slots = new Uint16Array(size);
    const time = (takesNew: Uint16Array, hasFilled: boolean): number => {
      const started = performance.now();
      addon.fillTables(key, [{ identities, weights, backends: indices, takesNew, filled, hasFilled, slots }]);
      return performance.now() - started;
    };
    const all = new Uint16Array(backends).fill(1);
    const allButOne = all.with(0, 0);
    const name = `${size} x ${backends} backends${areUnequal ? ' of any weight' : ''}`;
    const fill = best(tries, () => time(all, false));
    report({ name: `maglev fill ${name}`, value: fill, unit: 'ms', ...(limit === undefined ? {} : { limit }) });
    const refill = best(tries, () => time(allButOne, true));
    report({ name: `maglev refill of one, ${name}`, value: refill, unit: 'ms' });
  }
}
