// docs/errors.md is this table written out: `npx vitest run test/contract -u` writes it again, any other run compares.

import { expect, it } from 'vitest';
import { errorTable } from '../../src/errors.ts';

function errorsPage(): string {
  const rows = Object.entries(errorTable)
    .toSorted(([, a], [, b]) => a.exitCode - b.exitCode)
    .map(([code, { exitCode, httpStatus, meaning }]) => `| ${exitCode} | ${httpStatus} | \`${code}\` | ${meaning} |`);
  return `# Errors and exit codes

Generated from \`src/errors.ts\`; a contract test compares. The API answers a failure as
\`{"error": {"code", "message", "detail"}}\` with the HTTP status; \`torii\` prints the message and what to do next on
standard error and ends with the exit code. Exit code 0: done.

| exit | HTTP | code | meaning |
|---:|---:|---|---|
${rows.join('\n')}
`;
}

it('documents every error and its exit code, and no other', async () => {
  await expect(errorsPage()).toMatchFileSnapshot('../../docs/errors.md');
});
