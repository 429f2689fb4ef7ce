// What ExaBGP says on its API, a line each: answers to orders and events as JSON (ExaBGP 4.2). Pure.
//
// Its JSON is put together as text, and a reason may hold characters that spoil it, so a line that is no JSON may still say
// that the session is down. Lines that mean nothing here are undefined.

import { z } from 'zod';
import type { SessionState } from '../model/peer.ts';
import type { ExabgpPacket } from './exabgp-wire.ts';
import type { FamilyName } from './families.ts';

export type ExabgpEvent =
  | { readonly kind: 'answer'; readonly answer: 'done' | 'error' | 'version' }
  | { readonly kind: 'state'; readonly state: SessionState }
  | { readonly kind: 'up'; readonly localAddress: string }
  | { readonly kind: 'down'; readonly reason: string }
  | { readonly kind: 'negotiated'; readonly holdTimeSec: number; readonly families: readonly FamilyName[] }
  /** A message on its way, of any type. */
  | { readonly kind: 'packet'; readonly packet: ExabgpPacket };

/** Of the last day that ISO 8601 has four digits for. */
const latestSec = 253_402_300_799;

const line = z.object({
  type: z.string(),
  /** Unix time. */
  time: z.number().min(0).max(latestSec),
  neighbor: z.object({
    address: z.object({ local: z.string() }),
    direction: z.string().optional(),
    state: z.string().optional(),
    reason: z.string().optional(),
    negotiated: z.object({ hold_time: z.number(), families: z.array(z.string()) }).optional(),
    message: z.object({ header: z.string(), body: z.string() }).optional(),
  }),
});
type Neighbor = z.output<typeof line>['neighbor'];

const states: Readonly<Record<string, SessionState>> = {
  IDLE: 'idle',
  CONNECT: 'connect',
  ACTIVE: 'active',
  OPENSENT: 'openSent',
  OPENCONFIRM: 'openConfirm',
  ESTABLISHED: 'established',
};

export function parseExabgpLine(text: string): ExabgpEvent | undefined {
  if (text === 'done' || text === 'error') return { kind: 'answer', answer: text };
  if (/^exabgp \d/.test(text)) return { kind: 'answer', answer: 'version' };
  if (!text.startsWith('{')) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return /"type": "state".*"state": "down"/.test(text)
      ? { kind: 'down', reason: 'for a reason that ExaBGP garbled' }
      : undefined;
  }
  const result = line.safeParse(parsed);
  return result.success ? eventOf(result.data) : undefined;
}

function eventOf({ type, time, neighbor }: z.output<typeof line>): ExabgpEvent | undefined {
  if (neighbor.message !== undefined) return packetOf(neighbor.message, neighbor.direction, time);
  switch (type) {
    case 'state':
      return changeOf(neighbor);
    case 'fsm': {
      const state = states[neighbor.state ?? ''];
      return state === undefined ? undefined : { kind: 'state', state };
    }
    case 'negotiated':
      return negotiatedOf(neighbor);
    default:
      return undefined;
  }
}

function changeOf({ state, reason = '', address }: Neighbor): ExabgpEvent | undefined {
  if (state === 'up') return { kind: 'up', localAddress: address.local };
  return state === 'down' ? { kind: 'down', reason: plainReason(reason) } : undefined;
}

// "peer reset, message (closing connection) error(the TCP connection was closed by the remote end)"
function plainReason(reason: string): string {
  const error = /error\((.+)\)$/.exec(reason)?.[1];
  return error ?? reason;
}

function negotiatedOf({ negotiated }: Neighbor): ExabgpEvent | undefined {
  if (negotiated === undefined) return undefined;
  const families = (['ipv4', 'ipv6'] as const).filter((family) => negotiated.families.includes(`${family} unicast`));
  return { kind: 'negotiated', holdTimeSec: negotiated.hold_time, families };
}

function packetOf(
  { header, body }: { readonly header: string; readonly body: string },
  direction: string | undefined,
  timeSec: number,
): ExabgpEvent {
  const wire = Uint8Array.from(Buffer.from(header.replace(/^0x/, '') + body.replace(/^0x/, ''), 'hex'));
  const at = new Date(timeSec * 1000).toISOString();
  return { kind: 'packet', packet: { direction: direction === 'send' ? 'sent' : 'received', wire, at } };
}
