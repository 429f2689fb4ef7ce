// The node as the API server sees it: reads and changes go to the config worker, whose answers are passed on unread.
// Main thread.

import type { ConfigSource } from '../config/source.ts';
import { messageOf, ToriiError } from '../errors.ts';
import type { CaptureQuery, RunningCapture } from '../model/capture.ts';
import type { PeerMessage, PeerStatus } from '../model/peer.ts';
import type { Change, ChangeContext, ExplainView, FlowQuery, NodeControl, Resource } from '../model/views.ts';
import type { AppliedReply, NodeFacts } from './messages.ts';
import type { ConfigThread } from './remote-config.ts';

export interface NodeControlParams {
  readonly config: Pick<ConfigThread, 'ask' | 'tell'>;
  readonly source: ConfigSource;
  readonly facts: () => NodeFacts;
  readonly peers: () => readonly PeerStatus[];
  readonly peerMessages: (peer: string) => Promise<readonly PeerMessage[] | undefined>;
  readonly renderMetrics: () => Promise<Uint8Array>;
  readonly capture: (query: CaptureQuery) => Promise<RunningCapture>;
  /** A document was not taken. */
  readonly onRefused: (error: ToriiError) => void;
}

/** A worker of the packet path that adopts nothing for so long is stuck; what was asked for stays, and is said to wait. */
const adoptionLimitMs = 10_000;

export class LiveNodeControl implements NodeControl {
  readonly #params: NodeControlParams;

  constructor(params: NodeControlParams) {
    this.#params = params;
  }

  async read(resource: Resource): Promise<Uint8Array> {
    const { config, facts, peers } = this.#params;
    if (resource === 'peers') return new TextEncoder().encode(JSON.stringify(peers()));
    return config.ask<'read'>({ kind: 'read', resource, facts: facts() });
  }

  messages(peer: string): Promise<readonly PeerMessage[] | undefined> {
    return this.#params.peerMessages(peer);
  }

  explain(flow: string): Promise<ExplainView> {
    return this.#params.config.ask<'explain'>({ kind: 'explain', flow });
  }

  flows(query: FlowQuery): Promise<Uint8Array> {
    return this.#params.config.ask<'flows'>({ kind: 'flows', query });
  }

  capture(query: CaptureQuery): Promise<RunningCapture> {
    return this.#params.capture(query);
  }

  async change(change: Change, context: ChangeContext): Promise<{ readonly revision: number }> {
    const { revision } = await inTime(this.#params.config.ask<'change'>({ kind: 'change', change, context }));
    return { revision };
  }

  async reload({ force }: { readonly force: boolean }): Promise<AppliedReply> {
    const { config, source, onRefused } = this.#params;
    try {
      const { text } = await source.read().catch((error: unknown) => {
        config.tell({ kind: 'unreadable', message: messageOf(error) });
        throw error;
      });
      return await inTime(config.ask<'document'>({ kind: 'document', source: source.name, text, force }));
    } catch (error) {
      const known = error instanceof ToriiError ? error : new ToriiError('internal', messageOf(error), { cause: error });
      onRefused(known);
      throw known;
    }
  }

  ready(): boolean {
    return this.#params.facts().ready;
  }

  metrics(): Promise<Uint8Array> {
    return this.#params.renderMetrics();
  }
}

async function inTime(reply: Promise<AppliedReply>): Promise<AppliedReply> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new ToriiError(
          'not_ready',
          `stored, but not in force within ${adoptionLimitMs / 1000} s; torii status says what is stuck`,
        ),
      );
    }, adoptionLimitMs);
  });
  try {
    return await Promise.race([reply, late]);
  } finally {
    clearTimeout(timer);
  }
}
