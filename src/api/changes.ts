// How an operator's change goes through: conditions, the change itself, one audit line whatever comes of it.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ToriiError } from '../errors.ts';
import { backendKey } from '../model/backend.ts';
import { wordBounds } from '../model/operator.ts';
import type { BackendView, Change, NodeControl, StatusView } from '../model/views.ts';
import { type ApiContext, operatorOf, viaOf } from './context.ts';
import { toToriiError } from './failures.ts';
import { pickElements } from './pick.ts';

/** Words that go with every change. */
export const changeWords = {
  why: z
    .string()
    .min(1)
    .max(wordBounds.whyCharacters)
    .nullable()
    .default(null)
    .describe('reason, shown by `torii status` and in the audit log'),
  forSec: z
    .number()
    .int()
    .min(1)
    .max(wordBounds.forDays * 86_400)
    .nullable()
    .default(null)
    .describe('the change ends by itself after so many seconds; null: stays until taken back'),
};

export const ifMatchHeaders = z.looseObject({
  'if-match': z
    .string()
    .regex(/^(\*|"?\d{1,15}"?)$/, 'expected a revision like "7"')
    .optional()
    .describe('revision the change was decided on (the ETag of /v1/status); a newer one answers 409 revision_stale'),
});

/** The revision of If-Match, or null when the request has none or takes any (RFC 9110 13.1.1). */
function ifRevisionOf(request: FastifyRequest): number | null {
  const header = request.headers['if-match'];
  return header === undefined || header === '*' ? null : Number(header.replaceAll('"', ''));
}

export interface Words {
  readonly why: string | null;
  readonly forSec: number | null;
}

interface ChangeRequest {
  readonly change: Change;
  readonly words: Words;
}

/** Applies one change and answers its revision; writes one audit line, also for a refused one. */
export async function applyChange(
  { control, audit }: ApiContext,
  { change, words }: ChangeRequest,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<{ readonly revision: number }> {
  const entry = {
    at: new Date().toISOString(),
    by: operatorOf(request),
    via: viaOf(request),
    action: change.kind,
    target: 'target' in change ? change.target : 'node',
    before: await beforeOf(control, change),
    after: change.value,
    ...words,
  };
  try {
    const { revision } = await control.change(change, { by: entry.by, ...words, ifRevision: ifRevisionOf(request) });
    audit({ ...entry, outcome: 'applied', revision });
    reply.header('etag', etagOf(revision));
    return { revision };
  } catch (error) {
    audit({ ...entry, outcome: toToriiError(error).code, revision: null });
    throw error;
  }
}

/** Throws revision_stale unless the node is still at the revision of If-Match. */
export async function checkRevision(control: NodeControl, request: FastifyRequest): Promise<void> {
  const expected = ifRevisionOf(request);
  if (expected === null) return;
  const revision = revisionIn(await control.read('status'));
  if (revision !== expected) throw new ToriiError('revision_stale', `expected revision ${expected}, the node is at ${revision}`);
}

export function etagOf(revision: number): string {
  return `"${revision}"`;
}

/** Of a rendered status. */
export function revisionIn(status: Uint8Array): number {
  return (JSON.parse(Buffer.from(status).toString()) as StatusView).revision;
}

async function readStatus(control: NodeControl): Promise<StatusView> {
  return JSON.parse(Buffer.from(await control.read('status')).toString()) as StatusView;
}

/** What held until now, as far as the node can say; null when it cannot (not ready, no such target). */
async function beforeOf(control: NodeControl, change: Change): Promise<unknown> {
  try {
    if (change.kind === 'hold' || change.kind === 'maintenance') {
      const { overrides } = await readStatus(control);
      return overrides.some(
        ({ kind, target }) => kind === change.kind && (change.kind === 'maintenance' || target === change.target),
      );
    }
    const address = change.target.slice(change.target.lastIndexOf('/') + 1);
    const isTarget = (each: BackendView): boolean => [address, backendKey(each.pool, address)].includes(change.target);
    const [backend] = pickElements<BackendView>(await control.read('backends'), `"${address}"`, isTarget);
    return backend?.[change.kind] ?? null;
  } catch {
    return null;
  }
}
