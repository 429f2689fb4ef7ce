// One peer: carries out what its state machine decides, against real connections and timers. Runs in the bgp worker.
//
// All decisions are fsm.ts's; what the peer is told of routes is outbound.ts's. Events are worked off one at a time, so
// that an action that causes an event never finds the state half-changed.

import type { PeerConfig, PeerStatus, SpeakerConfig } from '../model/peer.ts';
import { retryDelayMs } from './backoff.ts';
import { capabilityWords } from './capability-words.ts';
import type { Clock, Timer } from './clock.ts';
import { FailureRecord } from './failure-record.ts';
import { initialState, isExpected, sessionState, step } from './fsm.ts';
import type { FsmAction, FsmEvent, FsmState } from './fsm-types.ts';
import { Inbound } from './inbound.ts';
import { Journal, type JournalEntry } from './journal.ts';
import { BgpLink } from './link.ts';
import type { Negotiated } from './negotiate.ts';
import { nextHopTrouble } from './next-hops.ts';
import type { NotificationMessage } from './notification.ts';
import { Outbound, type OutboundSetting } from './outbound.ts';
import { peerSocket } from './peer-socket.ts';
import { RefreshPace } from './refresh-pace.ts';
import type { Routes } from './rib-out.ts';
import { fsmConfig, outboundSetting } from './session-setting.ts';
import type { Connection, Transport } from './transport.ts';

export type LogLevel = 'info' | 'warn' | 'error';

export interface SessionOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** What this host is called, for the peer's operators (capability 73); undefined: it is not said. */
  readonly hostname: string | undefined;
  /** Canonical addresses of a device of this host. */
  readonly addressesOf: (device: string) => readonly string[];
  onChange(): void;
  onLog(level: LogLevel, message: string): void;
}

// Each takes a descriptor for up to a second, and a peer may call as often as it likes.
const maxFarewells = 8;

interface Established {
  readonly linkId: number;
  readonly link: BgpLink;
  readonly negotiated: Negotiated;
  readonly outbound: Outbound;
  readonly inbound: Inbound;
  readonly refreshes: RefreshPace;
  readonly sinceMs: number;
}

type UnstampedEvent = FsmEvent extends infer E ? (E extends unknown ? Omit<E, 'atMs'> : never) : never;

export class PeerSession {
  readonly #options: SessionOptions;
  readonly #journal = new Journal();
  readonly #links = new Map<number, BgpLink>();
  readonly #closing = new Set<Promise<void>>();
  readonly #queue: UnstampedEvent[] = [];
  #working = false;
  #speaker: SpeakerConfig;
  #peer: PeerConfig;
  #state: FsmState;
  /** Undefined until the first are known. */
  #routes: Routes | undefined;
  #draining = false;
  #established: Established | undefined;
  #nextLinkId = 1;
  #retry: Timer | undefined;
  #cancelDial: (() => void) | undefined;
  #flaps = 0;
  #failures = new FailureRecord();

  constructor(speaker: SpeakerConfig, peer: PeerConfig, routes: Routes | undefined, options: SessionOptions) {
    this.#speaker = speaker;
    this.#peer = peer;
    this.#routes = routes;
    this.#options = options;
    this.#state = initialState(fsmConfig(speaker, peer, options.hostname));
  }

  get announced(): number {
    return this.#established?.outbound.announced ?? 0;
  }

  /** Nothing is waiting to be told, as far as the peer can be told anything. */
  get isTold(): boolean {
    return this.#established?.outbound.isClean ?? true;
  }

  /** For the first time, or anew under other settings: what failed under the old ones says nothing of these. */
  start(): void {
    this.#failures = new FailureRecord();
    this.#dispatch({ kind: 'start' });
  }

  /** Ends every connection with this notification. Resolves when they are gone, a second later at most. */
  async stop(notification: NotificationMessage): Promise<void> {
    this.#dispatch({ kind: 'stop', notification });
    await Promise.all(this.#closing);
  }

  /** What matters to a running session takes effect now, the rest with the next one. */
  configure(speaker: SpeakerConfig, peer: PeerConfig): void {
    this.#speaker = speaker;
    this.#peer = peer;
    this.#dispatch({ kind: 'configure', config: fsmConfig(speaker, peer, this.#options.hostname) });
    this.#retell();
  }

  set(routes: Routes): void {
    this.#routes = routes;
    this.#established?.outbound.want(routes);
    this.#options.onChange();
  }

  /** Tells the peer to prefer other paths (RFC 8326), from now until the session is stopped. */
  drain(): void {
    this.#draining = true;
    this.#retell();
    this.#options.onChange();
  }

  /** Other means than BGP say that the peer is dead: every connection ends, and none is made until it is regained. */
  lost(): void {
    this.#dispatch({ kind: 'lost' });
  }

  regained(): void {
    this.#dispatch({ kind: 'regained' });
  }

  /** The peer calls. */
  accept(connection: Connection): void {
    this.#dispatch({ kind: 'called', link: this.#addLink(connection) });
  }

  /** The peer called, and the connection was not as it should be. */
  refused(text: string): void {
    const line = this.#failures.refused(text, this.#options.clock.isoTime());
    if (line !== null) this.#options.onLog('warn', line);
    this.#options.onChange();
  }

  messages(): JournalEntry[] {
    return this.#journal.entries();
  }

  status(): PeerStatus {
    const established = this.#established;
    return {
      address: this.#peer.address,
      as: this.#peer.as,
      state: sessionState(this.#state),
      uptimeSec: established === undefined ? 0 : Math.floor((this.#options.clock.nowMs() - established.sinceMs) / 1000),
      holdTimeSec: established?.negotiated.holdTimeSec ?? this.#peer.holdTimeSec,
      families: established?.outbound.families ?? [],
      announced: this.announced,
      flaps: this.#flaps,
      lastError: this.#failures.lastError,
      bfd: null,
      messages: { sent: this.#journal.counts('sent'), received: this.#journal.counts('received') },
      ...(established === undefined ? {} : { capabilities: capabilityWords(established.negotiated) }),
      ...(this.#peer.accept === 'default' ? { defaultRoutes: established?.inbound.defaultRoutes ?? [] } : {}),
    };
  }

  #dispatch(event: UnstampedEvent): void {
    this.#queue.push(event);
    if (this.#working) return;
    this.#working = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#work(next);
    } finally {
      this.#working = false;
    }
  }

  #work(event: UnstampedEvent): void {
    const before = sessionState(this.#state);
    const { state, actions } = step(this.#state, { ...event, atMs: this.#options.clock.nowMs() });
    this.#state = state;
    for (const action of actions) this.#perform(action);
    if (sessionState(state) !== before || actions.some(({ kind }) => kind === 'ended')) this.#options.onChange();
  }

  #perform(action: FsmAction): void {
    switch (action.kind) {
      case 'dial':
        return this.#dial();
      case 'cancelDial':
        this.#cancelDial?.();
        this.#cancelDial = undefined;
        return;
      case 'retryAfter':
        return this.#retryAfter(action.failures);
      case 'ended':
        return this.#ended(action);
      default: {
        const link = this.#links.get(action.link);
        if (link !== undefined) this.#performOn(link, action);
      }
    }
  }

  #performOn(link: BgpLink, action: Extract<FsmAction, { readonly link: number }>): void {
    switch (action.kind) {
      case 'send':
        return link.send(action.message);
      case 'hold':
        return link.holdFor(action.sec);
      case 'keepalives':
        return link.keepaliveWithin(action.holdTimeSec);
      case 'agreed':
        return link.agree(action.negotiated);
      case 'established':
        return this.#establish(action.link, link, action.negotiated);
      case 'refresh':
        return this.#established?.refreshes.ask(action.family);
      case 'hear':
        if (this.#established?.inbound.hear(action.message, this.#options.clock.isoTime()) === true) this.#options.onChange();
        return;
      case 'close':
        return this.#close(action.link, link, action.notification, action.abort);
    }
  }

  #dial(): void {
    const { port, localAddress, connectRetrySec } = this.#peer;
    const socket = peerSocket(this.#peer, this.#speaker.localAs);
    this.#cancelDial = this.#options.transport.dial(
      { ...socket, port, localAddress, timeoutMs: Math.max(1, connectRetrySec) * 1000 },
      {
        onConnected: (connection) => {
          this.#cancelDial = undefined;
          this.#dispatch({ kind: 'dialled', link: this.#addLink(connection) });
        },
        onFailed: (text) => {
          this.#cancelDial = undefined;
          this.#dispatch({ kind: 'dialFailed', text });
        },
      },
    );
  }

  #retryAfter(failures: number | undefined): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    if (failures === undefined) return;
    const { clock } = this.#options;
    const delayMs = retryDelayMs(failures, this.#peer.connectRetrySec, clock.random());
    this.#retry = clock.after(delayMs, () => this.#dispatch({ kind: 'retryDue' }));
  }

  #addLink(connection: Connection): number {
    const id = this.#nextLinkId++;
    const link = new BgpLink({
      id,
      connection,
      clock: this.#options.clock,
      journal: this.#journal,
      internal: this.#speaker.localAs === this.#peer.as,
      isExpected: (kind) => isExpected(this.#state, id, kind),
      onEvent: (event) => {
        if (event.kind === 'closed') this.#links.delete(id);
        this.#dispatch(event);
      },
      onWritable: () => {
        if (this.#established?.linkId === id) this.#established.outbound.flush();
      },
    });
    this.#links.set(id, link);
    return id;
  }

  #close(id: number, link: BgpLink, notification: NotificationMessage | undefined, abort: boolean): void {
    this.#links.delete(id);
    const isFlood = this.#closing.size >= maxFarewells;
    const farewell = isFlood ? link.close(undefined, true) : link.close(notification, abort);
    const closing = farewell.finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #establish(linkId: number, link: BgpLink, negotiated: Negotiated): void {
    const setting = this.#outboundSetting(link, negotiated);
    const outbound = new Outbound(link, negotiated, setting);
    const { localAs } = this.#speaker;
    const { as: peerAs, role } = this.#peer;
    const inbound = new Inbound({ localAs, peerAs, role }, negotiated);
    const { clock } = this.#options;
    const refreshes = new RefreshPace(clock, (family) => outbound.refresh(family));
    this.#established = { linkId, link, negotiated, outbound, inbound, refreshes, sinceMs: clock.nowMs() };
    this.#failures.established();
    link.watchSending(negotiated.holdTimeSec);
    this.#options.onLog('info', `session established with AS ${peerAs}, hold time ${negotiated.holdTimeSec} s`);
    this.#warnOfSilence(negotiated, setting);
    if (this.#routes !== undefined) outbound.want(this.#routes);
  }

  #warnOfSilence({ families }: Negotiated, { nextHops }: OutboundSetting): void {
    const trouble = nextHopTrouble(families, nextHops);
    if (families.length === 0) this.#options.onLog('warn', 'no address family in common: nothing is announced');
    if (trouble !== undefined) this.#options.onLog('warn', trouble);
  }

  #retell(): void {
    const { link, negotiated, outbound } = this.#established ?? {};
    if (link !== undefined && negotiated !== undefined) outbound?.retell(this.#outboundSetting(link, negotiated));
  }

  #outboundSetting({ localAddress }: BgpLink, negotiated: Negotiated): OutboundSetting {
    return outboundSetting(this.#speaker, this.#peer, {
      localAddress,
      negotiated,
      draining: this.#draining,
      addressesOf: this.#options.addressesOf,
    });
  }

  #ended(action: Extract<FsmAction, { readonly kind: 'ended' }>): void {
    const line = this.#failures.ended(action, this.#options.clock.isoTime());
    if (line !== null) this.#options.onLog('warn', line);
    if (!action.wasEstablished) return;
    this.#established?.refreshes.stop();
    this.#established = undefined;
    this.#flaps += 1;
  }
}
