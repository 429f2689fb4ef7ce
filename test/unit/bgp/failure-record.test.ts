// Why there is no session, as operators are told: what a router said is not forgotten for what its next refusals look like.

import { describe, expect, it } from 'vitest';
import { FailureRecord } from '../../../src/bgp/failure-record.ts';
import type { Ending } from '../../../src/bgp/fsm-types.ts';
import { ceaseNotification, notification } from '../../../src/bgp/notification.ts';

const record = new FailureRecord();
const ended = (
  ending: Partial<Ending>,
  { link = 1, wasEstablished = false }: { link?: number | null; wasEstablished?: boolean } = {},
) =>
  record.ended(
    {
      kind: 'ended',
      link: link ?? undefined,
      ending: { direction: 'local', notification: undefined, text: '', ...ending },
      wasEstablished,
    },
    '2026-01-01T00:00:00.000Z',
  );
const lunch = ceaseNotification(2, 'going for lunch');
const said = 'cease: administrative shutdown ("going for lunch")';

describe('the last error', () => {
  it('is the router’s NOTIFICATION, which closes of the next tries do not hide', () => {
    expect(ended({ direction: 'received', notification: lunch }, { wasEstablished: true })).toBe(
      `session lost (received): ${said}`,
    );
    expect(ended({ text: 'the peer closed the connection' })).toBe('no session (local): the peer closed the connection');
    expect(record.lastError).toMatchObject({ direction: 'received', code: 6, subcode: 2, text: said });
  });

  it('of a router that takes no calls any more is both', () => {
    expect(ended({ text: 'connect ECONNREFUSED' }, { link: null })).toBe('no session (local): connect ECONNREFUSED');
    expect(record.lastError).toMatchObject({
      direction: 'local',
      code: 0,
      text: `connect ECONNREFUSED; before that received 6/2 ${said}`,
    });
    expect(ended({ text: 'connect ECONNREFUSED' }, { link: null })).toBeNull();
    ended({ text: 'read ECONNRESET' });
    expect(record.lastError?.text).toBe(said);
  });

  it('is the next NOTIFICATION, whoever sent it', () => {
    ended({ direction: 'sent', notification: notification(2, 2), text: 'peer AS: expected 65001, got 65000' });
    expect(record.lastError).toMatchObject({ direction: 'sent', code: 2, subcode: 2 });
    ended({ text: 'no answer within 1 s' }, { link: null });
    expect(record.lastError?.text).toMatch(/^no answer within 1 s; before that sent 2\/2 OPEN message error: bad peer AS: /);
  });

  it('forgets the cause when there was a session, and what was this end’s own doing', () => {
    record.established();
    ended({ text: 'the peer closed the connection' }, { wasEstablished: true });
    ended({ text: 'connect ECONNREFUSED' }, { link: null });
    expect(record.lastError?.text).toBe('connect ECONNREFUSED');
    ended({ direction: 'sent', notification: lunch }, { wasEstablished: true });
    ended({ text: 'connect ECONNREFUSED' }, { link: null });
    expect(record.lastError?.text).toBe('connect ECONNREFUSED');
  });
});
