// The words of the BGP state machine: its state, the events it takes and the actions it asks for (RFC 4271 8.1, 8.2.1).
//
// A link is one TCP connection with its own phase; a peer has up to two until a collision is resolved. Pure types.

import type { MessageKind } from './constants.ts';
import type { FamilyName } from './families.ts';
import type { Message, RouteRefreshMessage } from './messages.ts';
import type { Negotiated, Offer, Omission } from './negotiate.ts';
import type { NotificationError, NotificationMessage } from './notification.ts';
import type { OpenMessage } from './open.ts';
import type { UpdateMessage } from './update.ts';

export interface FsmConfig extends Offer {
  readonly peerAs: number;
  /** Never dial. */
  readonly passive: boolean;
}

export interface Link {
  readonly id: number;
  readonly incoming: boolean;
  readonly phase: 'openSent' | 'openConfirm' | 'established';
  readonly sent: OpenMessage;
  readonly negotiated: Negotiated | undefined;
  /** When it became established. */
  readonly sinceMs: number;
}

export interface FsmState {
  readonly config: FsmConfig;
  readonly started: boolean;
  /** Known to be dead by other means: neither called nor heard. */
  readonly held: boolean;
  /** idle: after an error, or stopped; active: after a call that did not get through; both wait for retry. */
  readonly dial: 'idle' | 'active' | 'connect';
  readonly links: readonly Link[];
  readonly failures: number;
  readonly omission: Omission;
  readonly omissionUntilMs: number;
}

/** Why a session or an attempt ended, for operators. Code 0: no NOTIFICATION was involved. */
export interface Ending {
  readonly direction: 'sent' | 'received' | 'local';
  readonly notification: NotificationMessage | undefined;
  readonly text: string;
}

export type FsmEvent = { readonly atMs: number } & (
  | { readonly kind: 'start' }
  /** The notification goes out on every link. */
  | { readonly kind: 'stop'; readonly notification: NotificationMessage }
  | { readonly kind: 'configure'; readonly config: FsmConfig }
  /** Other means than BGP say that the peer is dead, or that it may be tried again. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'regained' }
  | { readonly kind: 'retryDue' }
  | { readonly kind: 'dialled'; readonly link: number }
  | { readonly kind: 'dialFailed'; readonly text: string }
  | { readonly kind: 'called'; readonly link: number }
  | { readonly kind: 'message'; readonly link: number; readonly message: Message }
  /** A message of a type that does not belong here, whatever is in it. */
  | { readonly kind: 'unexpected'; readonly link: number; readonly messageKind: MessageKind }
  | { readonly kind: 'malformed'; readonly link: number; readonly error: NotificationError }
  | { readonly kind: 'closed'; readonly link: number; readonly text: string }
  | { readonly kind: 'holdExpired'; readonly link: number }
  | { readonly kind: 'keepaliveDue'; readonly link: number }
  | { readonly kind: 'sendHoldExpired'; readonly link: number }
);

export type FsmAction =
  | { readonly kind: 'dial' }
  | { readonly kind: 'cancelDial' }
  /** Start, or stop with undefined, the timer that ends in retryDue. */
  | { readonly kind: 'retryAfter'; readonly failures: number | undefined }
  | { readonly kind: 'send'; readonly link: number; readonly message: Message }
  /** (Re)start the hold timer; 0 stops it. */
  | { readonly kind: 'hold'; readonly link: number; readonly sec: number }
  | { readonly kind: 'keepalives'; readonly link: number; readonly holdTimeSec: number }
  | { readonly kind: 'agreed'; readonly link: number; readonly negotiated: Negotiated }
  | { readonly kind: 'established'; readonly link: number; readonly negotiated: Negotiated }
  /** `abort`: with RST; what was written is given a moment to leave where there is a notification. */
  | {
      readonly kind: 'close';
      readonly link: number;
      readonly notification: NotificationMessage | undefined;
      readonly abort: boolean;
    }
  | { readonly kind: 'ended'; readonly link: number | undefined; readonly ending: Ending; readonly wasEstablished: boolean }
  /** The peer wants to be told the routes of this family again. */
  | { readonly kind: 'refresh'; readonly link: number; readonly family: FamilyName }
  /** The peer says something of its own routes. */
  | { readonly kind: 'hear'; readonly link: number; readonly message: UpdateMessage | RouteRefreshMessage };

export interface Step {
  readonly state: FsmState;
  readonly actions: readonly FsmAction[];
}
