// The audit log through the logger that limits repetitions: it may not limit what was changed.

import { expect, it, vi } from 'vitest';
import { type AuditEntry, auditText } from '../../../src/api/context.ts';
import { createLogger } from '../../../src/logging.ts';

const entry: AuditEntry = {
  at: '2025-01-01T00:00:00.000Z',
  by: 'root@bastion',
  via: 'socket',
  action: 'weight',
  target: 'acme-web/10.0.2.21',
  before: 1,
  after: 2,
  why: null,
  forSec: null,
  outcome: 'applied',
  revision: 8,
};

it('says who did what, to what, and what came of it', () => {
  expect(auditText(entry)).toBe('root@bastion weight acme-web/10.0.2.21 applied as revision 8');
  expect(auditText({ ...entry, action: 'reload', target: null, outcome: 'config_invalid', revision: null })).toBe(
    'root@bastion reload config_invalid',
  );
});

it('has every change of one backend in a row, and counts what is refused in a row', () => {
  vi.useFakeTimers();
  try {
    const lines: string[] = [];
    const logger = createLogger({ level: 'info', format: 'json', destination: { write: (line) => void lines.push(line) } });
    const audit = (each: AuditEntry): void => logger.info({ audit: each }, auditText(each));
    for (let i = 0; i < 30; i++) audit({ ...entry, before: i, after: i + 1, revision: i + 1 });
    expect(lines.map((line) => JSON.parse(line).audit.after)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    lines.length = 0;
    for (let i = 0; i < 30; i++) audit({ ...entry, outcome: 'revision_stale', revision: null });
    vi.runAllTimers();
    expect(lines.length).toBe(6);
    expect(JSON.parse(lines[5] ?? '')).toMatchObject({ repeated: 25 });
  } finally {
    vi.useRealTimers();
  }
});
