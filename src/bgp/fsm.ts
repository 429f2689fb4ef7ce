// The BGP state machine of one peer (RFC 4271 8, with 6.8's collisions, RFC 5492's retries, RFC 6286's identifiers, RFC 6608's
// errors).
//
// step(state, event) gives the next state and the actions that lead there; time comes in with the event. RFC 4271 runs one
// machine per connection: here a peer's state holds its dialling side and up to two links, each in OpenSent, OpenConfirm or
// Established, and sessionState() reads the RFC's one word from them. Pure.
//
// One difference from the letter: in Idle after an error the peer's calls are still taken. The hold-off is for our own
// dialling; a refused caller would wait for its own retry timer, often two minutes.

import type { SessionState } from '../model/peer.ts';
import { hasCapability } from './capabilities.ts';
import { ceaseError, errorCode, fsmError, type MessageKind, messageType, refreshSubtype } from './constants.ts';
import { familyByCode } from './families.ts';
import type { Ending, FsmAction, FsmConfig, FsmEvent, FsmState, Link, Step } from './fsm-types.ts';
import type { Message, RouteRefreshMessage } from './messages.ts';
import { makeOpen, negotiate, omissionAfter, omitNothing } from './negotiate.ts';
import { ceaseNotification, NotificationError, type NotificationMessage, notification as notify } from './notification.ts';
import { judgeOpen, type OpenMessage } from './open.ts';

/** RFC 4271 8.2.2 suggests a "large value" until the peer's OPEN is there; a minute is enough for any living router. */
export const openHoldSec = 60;
/** A session that lasted this long was a good one: the next retry starts over at the shortest delay. */
export const goodSessionMs = 30_000;
/** After this the full set of capabilities is offered again. */
export const omissionMs = 3_600_000;

const deadText = 'BFD went down: calls are neither made nor taken until it is up again or no longer spoken';

export function initialState(config: FsmConfig): FsmState {
  return { config, started: false, held: false, dial: 'idle', links: [], failures: 0, omission: omitNothing, omissionUntilMs: 0 };
}

/** The one word of RFC 4271 8.2.2 for the whole peer: its furthest link, else its dialling side. */
export function sessionState(state: FsmState): SessionState {
  for (const phase of ['established', 'openConfirm', 'openSent'] as const) {
    if (state.links.some((link) => link.phase === phase)) return phase;
  }
  return state.dial;
}

export function step(state: FsmState, event: FsmEvent): Step {
  switch (event.kind) {
    case 'start':
      return state.started ? unchanged(state) : wake({ ...state, started: true });
    case 'stop':
      return stop(state, event.notification);
    case 'lost':
      return lost(state, event.atMs);
    case 'regained':
      return regained({ ...state, held: false });
    case 'configure':
      // What the peer refused may have been cured by what the operator changed.
      return unchanged({ ...state, config: event.config, omission: omitNothing });
    case 'retryDue':
      return state.started && state.links.length === 0 && state.dial !== 'connect' ? wake(state) : unchanged(state);
    case 'dialled':
      return addLink({ ...state, dial: 'idle' }, { id: event.link, incoming: false }, event.atMs);
    case 'dialFailed':
      return rest({ ...state, dial: 'active', failures: state.failures + 1 }, [ended(undefined, localEnding(event.text), false)]);
    case 'called':
      return called(state, event.link, event.atMs);
    default:
      return onLink(state, event);
  }
}

type LinkEvent = Extract<FsmEvent, { readonly link: number }>;

// Events of a link that is gone are late, not wrong.
function onLink(state: FsmState, event: LinkEvent): Step {
  const link = state.links.find(({ id }) => id === event.link);
  if (link === undefined) return unchanged(state);
  switch (event.kind) {
    case 'message':
      return onMessage(state, link, event.message, event.atMs);
    case 'unexpected':
      return unexpected(state, link, event.messageKind, event.atMs);
    case 'malformed':
      return fail(state, link, event.error, event.atMs);
    case 'closed':
      return closed(state, link, event.text, event.atMs);
    case 'holdExpired':
      return fail(state, link, new NotificationError(errorCode.holdTimer, 0, 'hold timer expired'), event.atMs);
    case 'keepaliveDue':
      return { state, actions: [keepalive(link), keepalives(link)] };
    case 'sendHoldExpired':
      return sendHoldExpired(state, link, event.atMs);
    default:
      return unchanged(state);
  }
}

function unchanged(state: FsmState): Step {
  return { state, actions: [] };
}

// Idle or Active to Connect, or to Active for a peer that is only waited for.
function wake(state: FsmState): Step {
  if (state.held) return unchanged(state);
  if (state.config.passive) return unchanged({ ...state, dial: 'active' });
  return { state: { ...state, dial: 'connect' }, actions: [{ kind: 'dial' }] };
}

function stop(state: FsmState, notification: NotificationMessage): Step {
  const actions: FsmAction[] = [{ kind: 'retryAfter', failures: undefined }, { kind: 'cancelDial' }];
  for (const link of state.links) {
    actions.push({ kind: 'close', link: link.id, notification, abort: false });
    actions.push(ended(link.id, { direction: 'sent', notification, text: '' }, link.phase === 'established'));
  }
  return { state: { ...state, started: false, dial: 'idle', links: [], failures: 0 }, actions };
}

// After the last link or call of a started peer is gone, wait before dialling again.
function rest(state: FsmState, actions: readonly FsmAction[]): Step {
  if (!state.started || state.held || state.links.length > 0 || state.dial === 'connect') return { state, actions };
  if (state.config.passive) return { state: { ...state, dial: 'active' }, actions };
  return { state, actions: [...actions, { kind: 'retryAfter', failures: Math.max(1, state.failures) }] };
}

// RFC 5882 4.3, RFC 9384: what was agreed on with a peer that is dead is worth nothing, however far it had come.
function lost(state: FsmState, atMs: number): Step {
  const quiet: FsmAction[] = [{ kind: 'retryAfter', failures: undefined }, { kind: 'cancelDial' }];
  let step: Step = { state: { ...state, held: true, dial: 'idle' }, actions: quiet };
  for (const link of state.links) {
    const error = new NotificationError(errorCode.cease, ceaseError.bfdDown, 'the peer is dead');
    const next = fail(step.state, link, error, atMs);
    step = { state: next.state, actions: [...step.actions, ...next.actions] };
  }
  if (state.links.length > 0) return step;
  // Nothing ends, and yet what is shown of the last try is no longer why there is no session.
  return { ...step, actions: [...step.actions, ended(undefined, localEnding(deadText), false)] };
}

// With the pause that its failures have earned: a peer that comes and goes is not called each time at once.
function regained(state: FsmState): Step {
  return rest(state, []);
}

function called(state: FsmState, id: number, atMs: number): Step {
  if (!state.started || state.held) {
    const notification = ceaseNotification(ceaseError.connectionRejected, '');
    return { state, actions: [{ kind: 'close', link: id, notification, abort: false }] };
  }
  // The peer calls again before its last call came to anything: it has given that one up.
  const old = state.links.find((link) => link.incoming && link.phase !== 'established');
  const actions: FsmAction[] = old === undefined ? [] : [closeCollided(old)];
  const added = addLink({ ...state, links: state.links.filter((link) => link !== old) }, { id, incoming: true }, atMs);
  return { state: added.state, actions: [...actions, ...added.actions] };
}

function addLink(state: FsmState, { id, incoming }: Pick<Link, 'id' | 'incoming'>, atMs: number): Step {
  const omission = atMs < state.omissionUntilMs ? state.omission : omitNothing;
  const sent = makeOpen(state.config, omission);
  const link: Link = { id, incoming, phase: 'openSent', sent, negotiated: undefined, sinceMs: 0 };
  return {
    state: { ...state, omission, links: [...state.links, link] },
    actions: [
      { kind: 'retryAfter', failures: undefined },
      { kind: 'send', link: id, message: sent },
      { kind: 'hold', link: id, sec: openHoldSec },
    ],
  };
}

const expectedKinds: Readonly<Record<Link['phase'], readonly MessageKind[]>> = {
  openSent: ['open', 'notification'],
  openConfirm: ['keepalive', 'notification'],
  established: ['update', 'keepalive', 'routeRefresh', 'notification'],
};

/**
 * Whether a message of this type may come now. Asked before its body is looked at: what is wrong with an UPDATE that
 * comes before Established is that it comes (RFC 4271 8.2.2). Whatever comes on a link that is gone is late, not wrong.
 */
export function isExpected({ links }: FsmState, id: number, kind: MessageKind): boolean {
  const link = links.find((one) => one.id === id);
  return link === undefined || expectedKinds[link.phase].includes(kind);
}

function onMessage(state: FsmState, link: Link, message: Message, atMs: number): Step {
  if (!expectedKinds[link.phase].includes(message.kind)) return unexpected(state, link, message.kind, atMs);
  switch (message.kind) {
    case 'notification':
      return notified(state, link, message, atMs);
    case 'open':
      return opened(state, link, message, atMs);
    default:
      return link.phase === 'openConfirm' ? establish(state, link, atMs) : heard(state, link, message);
  }
}

// RFC 6608.
function unexpected(state: FsmState, link: Link, kind: MessageKind, atMs: number): Step {
  const data = Uint8Array.of(messageType[kind]);
  return fail(state, link, new NotificationError(errorCode.fsm, fsmError[link.phase], `${kind} in ${link.phase}`, data), atMs);
}

function opened(state: FsmState, link: Link, open: OpenMessage, atMs: number): Step {
  const { localAs, routerId, peerAs, families } = state.config;
  const role = hasCapability(link.sent.capabilities, 'role') ? state.config.role : undefined;
  try {
    judgeOpen(open, { localAs, routerId, peerAs, role });
  } catch (error) {
    if (error instanceof NotificationError) return fail(state, link, error, atMs);
    throw error;
  }
  const negotiated = negotiate(link.sent, open, families);
  const confirmed: Link = { ...link, phase: 'openConfirm', negotiated };
  const loser = collisionLoser(state, confirmed);
  if (loser?.id === link.id) return { state: without(state, link), actions: [closeCollided(link)] };
  const links = state.links.filter((other) => other.id !== loser?.id).map((other) => (other.id === link.id ? confirmed : other));
  return {
    state: { ...state, links },
    actions: [
      ...(loser === undefined ? [] : [closeCollided(loser)]),
      { kind: 'agreed', link: link.id, negotiated },
      { kind: 'send', link: link.id, message: { kind: 'keepalive' } },
      keepalives(confirmed),
      // Without a hold time this side would wait forever for the KEEPALIVE that confirms.
      { kind: 'hold', link: link.id, sec: negotiated.holdTimeSec === 0 ? openHoldSec : negotiated.holdTimeSec },
    ],
  };
}

/**
 * RFC 4271 6.8: which of two links goes, now that `link` has the peer's OPEN. The call of the side with the higher
 * identifier stays, with equal ones that of the higher AS (RFC 6286 2.3); an established session always stays.
 */
function collisionLoser({ links, config }: FsmState, link: Link): Link | undefined {
  const other = links.find(({ id, phase }) => id !== link.id && phase !== 'openSent');
  if (other === undefined || link.negotiated === undefined) return undefined;
  if (other.phase === 'established') return link;
  const byIdentifier = identifier(config.routerId) - identifier(link.negotiated.peerRouterId);
  const ourCallStays = (byIdentifier === 0 ? config.localAs - config.peerAs : byIdentifier) > 0;
  return link.incoming === ourCallStays ? link : other;
}

function identifier(routerId: string): number {
  return routerId.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function establish(state: FsmState, link: Link, atMs: number): Step {
  const { negotiated } = link;
  if (negotiated === undefined) return unchanged(state);
  const losers = state.links.filter((other) => other !== link);
  return {
    state: { ...state, dial: 'idle', links: [{ ...link, phase: 'established', sinceMs: atMs }] },
    actions: [
      ...losers.map(closeCollided),
      { kind: 'cancelDial' },
      { kind: 'hold', link: link.id, sec: negotiated.holdTimeSec },
      { kind: 'established', link: link.id, negotiated },
    ],
  };
}

// Any sound message shows that the peer lives.
function heard(state: FsmState, link: Link, message: Message): Step {
  const hold: FsmAction = { kind: 'hold', link: link.id, sec: link.negotiated?.holdTimeSec ?? 0 };
  if (message.kind === 'routeRefresh') return { state, actions: [hold, ...refreshed(link, message)] };
  return { state, actions: message.kind === 'update' ? [hold, { kind: 'hear', link: link.id, message }] : [hold] };
}

// For a family that was not agreed on, and of a subtype nobody knows, it is ignored (RFC 2918 4, RFC 7313 5).
function refreshed({ id, negotiated }: Link, message: RouteRefreshMessage): FsmAction[] {
  const family = familyByCode(message.afi, message.safi)?.name;
  if (family === undefined || negotiated?.families.includes(family) !== true) return [];
  const isRequest = !negotiated.enhancedRefresh || message.subtype === refreshSubtype.request;
  if (isRequest) return [{ kind: 'refresh', link: id, family }];
  const isMark = message.subtype === refreshSubtype.begin || message.subtype === refreshSubtype.end;
  return isMark ? [{ kind: 'hear', link: id, message }] : [];
}

function notified(state: FsmState, link: Link, notification: NotificationMessage, atMs: number): Step {
  const omission = link.phase === 'established' ? undefined : omissionAfter(notification, state.omission, link.sent);
  const next = omission === undefined ? state : { ...state, omission, omissionUntilMs: atMs + omissionMs };
  const close: FsmAction = { kind: 'close', link: link.id, notification: undefined, abort: false };
  // The peer saw a collision and chose the other link: nothing has failed.
  const collided = notification.code === errorCode.cease && notification.subcode === ceaseError.collision;
  if (collided && state.links.length > 1) return { state: without(state, link), actions: [close] };
  return drop(next, link, { direction: 'received', notification, text: '' }, atMs, [close]);
}

// RFC 9687 4.3: the NOTIFICATION most likely stays behind what the peer does not read, so RST has to say it.
function sendHoldExpired(state: FsmState, link: Link, atMs: number): Step {
  const notification = notify(errorCode.sendHoldTimer);
  const ending: Ending = { direction: 'sent', notification, text: 'the peer has stopped reading' };
  return drop(state, link, ending, atMs, [{ kind: 'close', link: link.id, notification, abort: true }]);
}

function fail(state: FsmState, link: Link, error: NotificationError, atMs: number): Step {
  const notification = error.toMessage();
  const close: FsmAction = { kind: 'close', link: link.id, notification, abort: false };
  return drop(state, link, { direction: 'sent', notification, text: error.message }, atMs, [close]);
}

// The link is out of the state; its going counts as a failure unless it had been a good session.
function drop(state: FsmState, link: Link, ending: Ending, atMs: number, actions: readonly FsmAction[] = []): Step {
  const wasEstablished = link.phase === 'established';
  const wasGood = wasEstablished && atMs - link.sinceMs >= goodSessionMs;
  const dial = state.dial === 'connect' ? 'connect' : 'idle';
  const next: FsmState = { ...without(state, link), dial, failures: wasGood ? 1 : state.failures + 1 };
  return rest(next, [...actions, ended(link.id, ending, wasEstablished)]);
}

// RFC 4271 8.2.2: without an OPEN there was no session to fail, only a connection.
function closed(state: FsmState, link: Link, text: string, atMs: number): Step {
  const dropped = drop(state, link, localEnding(text), atMs);
  const isWaiting = link.phase === 'openSent' && dropped.state.links.length === 0 && dropped.state.dial === 'idle';
  return isWaiting ? { ...dropped, state: { ...dropped.state, dial: 'active' } } : dropped;
}

function without(state: FsmState, link: Link): FsmState {
  return { ...state, links: state.links.filter(({ id }) => id !== link.id) };
}

function closeCollided(link: Link): FsmAction {
  return { kind: 'close', link: link.id, notification: ceaseNotification(ceaseError.collision, ''), abort: false };
}

function localEnding(text: string): Ending {
  return { direction: 'local', notification: undefined, text };
}

function ended(link: number | undefined, ending: Ending, wasEstablished: boolean): FsmAction {
  return { kind: 'ended', link, ending, wasEstablished };
}

function keepalive(link: Link): FsmAction {
  return { kind: 'send', link: link.id, message: { kind: 'keepalive' } };
}

function keepalives(link: Link): FsmAction {
  return { kind: 'keepalives', link: link.id, holdTimeSec: link.negotiated?.holdTimeSec ?? 0 };
}
