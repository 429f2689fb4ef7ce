// Step 6 of the walk and what is said instead: the way to a backend, its MTU, and ICMP errors to the sender.

import type { AnswerRate, DesiredVip } from '../../src/model/desired.ts';
import { answerError, type ErrorMessage, timeExceeded, tooBig } from './answers.ts';
import { entropySource } from './entropy.ts';
import type { Ip } from './ip.ts';
import { type Arrival, answer, drop, nothing, type Outcome, secOf, type Way } from './outcome.ts';
import type { Transport } from './parse.ts';
import { Paths, readPathError } from './paths.ts';
import { encapsulate, encapsulatePieces, overheadOf } from './rewrite.ts';
import type { Tables } from './tables.ts';
import { TokenBucket } from './token-bucket.ts';

type Icmp = Extract<Transport, { readonly kind: 'icmp' }>;
type AnswerKind = 'echo' | 'tooBig' | 'timeExceeded';

export class Sending {
  #tables: Tables;
  readonly #paths = new Paths();
  readonly #answers: Readonly<Record<AnswerKind, TokenBucket | undefined>>;

  /** Rates of answers are those of the first document. */
  constructor(tables: Tables) {
    this.#tables = tables;
    const { echo, tooBig: big, timeExceeded: expired } = tables.desired.node.answers;
    this.#answers = { echo: bucketOf(echo), tooBig: bucketOf(big), timeExceeded: bucketOf(expired) };
  }

  /** Other tables; buckets and learned MTUs stay. */
  adopt(tables: Tables): void {
    this.#tables = tables;
  }

  mayEcho(nowNs: bigint): boolean {
    return this.#answers.echo?.take(nowNs) === true;
  }

  send(arrival: Arrival, { vip, backend, flow, fingerprint }: Way): Outcome {
    const { frame, ip } = arrival;
    const { nextHop, address } = backend;
    const { node } = this.#tables.desired;
    const isResolved = nextHop.kind === 'resolved';
    const outer = {
      encap: vip.encap,
      source: this.#outerSource(vip, address, fingerprint),
      destination: address,
      sourceMac: isResolved ? (node.devices.find(({ name }) => name === nextHop.device)?.mac ?? '') : '',
      destinationMac: isResolved ? nextHop.mac : '',
    };
    const room = this.#paths.mtuOf(backend, this.#tables.lifeOf(backend), secOf(arrival.nowNs)) - overheadOf(outer);
    const forward = (out: readonly Uint8Array[]): Outcome => ({
      ...nothing,
      verdict: 'forward',
      reason: null,
      backend: address,
      flow,
      out,
    });
    if (ip.totalBytes <= room) return isResolved ? forward([encapsulate(frame, ip, outer)]) : drop('no_next_hop');
    if (!ip.isWhole && !isResolved) return drop('no_next_hop');
    if (ip.isWhole) return this.#tell(arrival, 'tooBig', tooBig(ip, Math.max(room, 0)));
    const pieces = encapsulatePieces(frame, ip, outer, room);
    return pieces === undefined ? drop('oversize') : forward(pieces);
  }

  #outerSource({ entropy }: DesiredVip, backend: string, fingerprint: bigint): string {
    const { node } = this.#tables.desired;
    const chosen = entropy ? entropySource(node.entropy, backend, fingerprint) : undefined;
    return chosen ?? (backend.includes(':') ? (node.address6 ?? '::') : (node.address ?? '0.0.0.0'));
  }

  expired(arrival: Arrival): Outcome {
    const { address, address6 } = this.#tables.desired.node;
    const from = arrival.ip.family === 4 ? address : address6;
    return from === null ? drop('ttl_expired') : this.#tell(arrival, 'timeExceeded', timeExceeded(arrival.ip, from));
  }

  #tell({ frame, ip, nowNs, mayBeAnswered }: Arrival, kind: 'tooBig' | 'timeExceeded', message: ErrorMessage): Outcome {
    if (!mayBeAnswered) return drop(kind === 'tooBig' ? 'oversize' : 'ttl_expired');
    if (this.#answers[kind]?.take(nowNs) !== true) return drop('rate_limited');
    return answer(kind === 'tooBig' ? 'too_big' : 'ttl_expired', answerError(frame, ip, message));
  }

  /** An error about an outer packet of ours, on its way to the kernel. */
  readError(frame: Uint8Array, ip: Ip, message: Pick<Icmp, 'type' | 'code' | 'at'>, nowNs: bigint): void {
    const told = readPathError(frame, ip, message);
    if (told === undefined || !this.#tables.isOwn(ip.destination)) return;
    for (const backend of this.#tables.backendsAt(told.backend)) {
      const words = { mtuBytes: told.mtuBytes, nowSec: secOf(nowNs) };
      this.#paths.tell(this.#tables.desired, backend, this.#tables.lifeOf(backend), words);
    }
  }
}

function bucketOf({ rate, burst }: AnswerRate): TokenBucket | undefined {
  return rate === 0 ? undefined : new TokenBucket({ perSecond: rate, burst }, 0n);
}
