// What every API plugin is given: the node's control, the audit sink, and who asks. Constructed once by server.ts.

import type { FastifyRequest } from 'fastify';
import type { ErrorCode } from '../errors.ts';
import { isOperatorName, operatorHeader } from '../model/operator.ts';
import type { NodeControl } from '../model/views.ts';

/** One line of the audit log: who changed what, from what, to what, and what came of it. */
export interface AuditEntry {
  readonly at: string;
  readonly by: string;
  /** "socket", or the client's address; "file" or "SIGHUP" for a reload that nobody asked of the API. */
  readonly via: string;
  readonly action: string;
  readonly target: string | null;
  readonly before: unknown;
  readonly after: unknown;
  readonly why: string | null;
  readonly forSec: number | null;
  readonly outcome: 'applied' | ErrorCode;
  readonly revision: number | null;
}

interface Reloaded {
  readonly force: boolean;
  readonly revision: number;
  /** One sentence each. */
  readonly changes: readonly string[];
}

/** Of a reload that was applied. A revision is one more than that before it, unless the document said the same. */
export function reloadEntry(who: Pick<AuditEntry, 'at' | 'by' | 'via'>, { force, revision, changes }: Reloaded): AuditEntry {
  const before = { revision: changes.length === 0 ? revision : revision - 1 };
  const after = { revision, force, changes: changes.length };
  return { ...who, action: 'reload', target: null, before, after, why: null, forSec: null, outcome: 'applied', revision };
}

/**
 * "root@bastion weight acme-web/10.0.2.21 applied as revision 8". The revision makes each change's line one of its own, which the
 * log's limit on repetitions leaves alone; what was refused time and again is counted.
 */
export function auditText({ by, action, target, outcome, revision }: AuditEntry): string {
  const words = target === null ? [by, action, outcome] : [by, action, target, outcome];
  return revision === null ? words.join(' ') : `${words.join(' ')} as revision ${revision}`;
}

export interface ApiContext {
  readonly control: NodeControl;
  readonly audit: (entry: AuditEntry) => void;
  readonly metricsText: () => Promise<Uint8Array>;
}

export function viaOf(request: FastifyRequest): string {
  return request.socket.remoteAddress ?? 'socket';
}

export function operatorOf(request: FastifyRequest): string {
  const claimed = request.headers[operatorHeader];
  const claim = isOperatorName(claimed) ? claimed : null;
  const via = viaOf(request);
  if (via === 'socket') return claim ?? via;
  return claim === null ? 'loopback' : `loopback (claims ${claim})`;
}
