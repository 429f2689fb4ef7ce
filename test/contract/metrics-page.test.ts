// docs/metrics.md is this list written out: `npx vitest run test/contract -u` writes it again, any other run compares.

import { expect, it } from 'vitest';
import { definitions } from '../../src/metrics/definitions.ts';

function metricsPage(): string {
  const rows = Object.values(definitions).map(
    ({ name, kind, labels, help }) => `| \`${name}\` | ${kind} | ${labels.map((each) => `\`${each}\``).join(' ')} | ${help} |`,
  );
  return `# Metrics

Generated from \`src/metrics/definitions.ts\`; a contract test compares. Prometheus text at \`/metrics\`. Labels are bounded
by the document: nothing is counted per client. A series goes when its VIP, backend or tenant leaves the document.

| metric | type | labels | meaning |
|---|---|---|---|
${rows.join('\n')}
`;
}

it('documents every metric, and no other', async () => {
  await expect(metricsPage()).toMatchFileSnapshot('../../docs/metrics.md');
});
