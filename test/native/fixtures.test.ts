import { beforeAll, describe, expect, it } from 'vitest';
import { fixtures } from '../fixtures/all-fixtures.ts';
import { engineKinds } from '../fixtures/engines.ts';
import { runFixture, titleOf, unreachable } from '../fixtures/run-fixture.ts';

describe('the list of packet fixtures', () => {
  it('has at least 300, each with a sentence of its own and at least one packet', () => {
    expect(fixtures.length).toBeGreaterThanOrEqual(300);
    expect(new Set(fixtures.map(({ sentence }) => sentence)).size).toBe(fixtures.length);
    expect(fixtures.filter(({ steps }) => !steps.some((step) => 'frame' in step))).toEqual([]);
  });
});

for (const kind of engineKinds()) {
  const title = kind.unavailable === null ? `the ${kind.name}` : `the ${kind.name} (SKIPPED: ${kind.unavailable})`;
  describe.skipIf(kind.unavailable !== null)(title, () => {
    beforeAll(() => kind.prepare?.(), 60_000);

    for (const fixture of fixtures) {
      it.skipIf(unreachable(fixture, kind) !== null)(titleOf(fixture, kind), () => {
        expect(runFixture(fixture, kind)).toEqual([]);
      });
    }
  });
}
