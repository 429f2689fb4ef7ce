// BFD for the peers that ask for it (RFC 5880, 5881, 5882): the sessions of the native thread, bound to BGP. Runs in the bgp worker.
//
// Packets and their deadlines are the native thread's, so no pause here costs a session; but a session answers for this
// thread: it goes Down when the heartbeat stands still for the peer's hold time. What a session means for BGP is bfd-verdict.ts's.

import { messageOf } from '../errors.ts';
import { familyOf } from '../model/address.ts';
import type { BfdConfig, BfdStatus } from '../model/bfd.ts';
import type { PeerConfig } from '../model/peer.ts';
import type { BfdAddon, BfdHandle } from '../net.ts';
import { errnoText, lossText } from './bfd-diagnostics.ts';
import { type BfdMemory, judge, newMemory } from './bfd-verdict.ts';
import { type BfdSessionWords, BfdWords } from './bfd-words.ts';
import type { Clock, Timer } from './clock.ts';
import type { Liveness, LivenessEvents } from './liveness.ts';

/** RFC 5881 4. */
const bfdPort = 3784;

export interface BfdOptions {
  readonly addon: BfdAddon;
  readonly clock: Clock;
  readonly events: LivenessEvents;
  /** For tests: where this end receives, and where it sends to. */
  readonly port?: number;
  readonly peerPort?: number;
}

type BfdPeer = PeerConfig & { readonly bfd: BfdConfig };

interface Engine {
  readonly handle: BfdHandle;
  readonly words: BfdWords;
  /** How many sessions each slot has been given. */
  readonly given: number[];
}

interface Session {
  readonly peer: BfdPeer;
  /** Undefined while it could not be opened. */
  readonly slot: number | undefined;
  readonly trouble: string | null;
  readonly memory: BfdMemory;
  /** At the last look; undefined before the thread has begun with it. */
  readonly seen: BfdSessionWords | undefined;
}

const beatMs = 250;
// Of a peer that BGP would never call hung.
const defaultHungSec = 90;
// The thread gives each farewell a second at most.
const farewellMs = 2000;

export class Bfd implements Liveness {
  readonly #options: BfdOptions;
  readonly #sessions = new Map<string, Session>();
  #engine: Engine | undefined;
  #beating: Timer | undefined;
  #startTrouble: string | null = null;
  #troubles: readonly string[] = [];
  #isPriorityTold = false;
  #farewell: (() => void) | undefined;

  constructor(options: BfdOptions) {
    this.#options = options;
  }

  configure(peers: readonly PeerConfig[]): void {
    const wanted = new Map(peers.filter(wantsBfd).map((peer) => [peer.address, peer]));
    for (const [address, session] of this.#sessions) {
      const peer = wanted.get(address);
      if (peer === undefined || identity(peer) !== identity(session.peer)) this.#leave(address, session);
    }
    if (wanted.size > 0) this.#start();
    for (const [address, peer] of wanted) this.#set(address, peer);
    this.#look();
  }

  status(address: string): BfdStatus | null {
    const session = this.#sessions.get(address);
    if (session === undefined) return null;
    const { peer, seen, trouble, memory } = session;
    const { intervalMs, multiplier } = peer.bfd;
    const { state, remoteState } = memory.look;
    return {
      state,
      remoteState,
      uptimeSec: state === 'up' ? Math.floor((this.#options.clock.nowMs() - memory.stateSinceMs) / 1000) : 0,
      intervalMs,
      multiplier,
      sendIntervalMs: seen?.sendIntervalMs ?? intervalMs,
      detectTimeMs: seen?.detectTimeMs || null,
      flaps: seen?.flaps ?? 0,
      lastDiag: seen === undefined || seen.lastDiagnostic === 0 ? null : lossText(seen.lastDiagnostic, 0),
      trouble: trouble ?? this.#socketTrouble(peer, seen?.sendError ?? 0),
      packets: { sent: seen?.sent ?? 0, received: seen?.received ?? 0, discarded: seen?.discarded ?? 0 },
    };
  }

  troubles(): readonly string[] {
    return this.#troubles;
  }

  discards(): Readonly<Record<string, number>> {
    return this.#engine?.words.discards() ?? {};
  }

  async close(): Promise<void> {
    for (const [address, session] of this.#sessions) this.#leave(address, session);
    const engine = this.#engine;
    if (engine === undefined) return;
    let patience: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#farewell = resolve;
      patience = this.#options.clock.after(farewellMs, resolve);
      this.#look();
    });
    patience?.cancel();
    this.#beating?.cancel();
    this.#engine = undefined;
    this.#options.addon.bfdStop(engine.handle);
  }

  #start(): void {
    if (this.#engine !== undefined || this.#farewell !== undefined) return;
    const { addon, port } = this.#options;
    try {
      const { handle, words } = addon.bfdStart(port ?? bfdPort, () => this.#look());
      this.#engine = { handle, words: new BfdWords(addon.bfdLayout(), words), given: [] };
      this.#startTrouble = null;
      this.#beat();
    } catch (error) {
      this.#startTrouble = `BFD cannot run: ${messageOf(error)}; BGP goes on without it`;
    }
  }

  #beat(): void {
    this.#engine?.words.beat();
    for (const [address, { peer, slot }] of this.#sessions) if (slot === undefined) this.#set(address, peer);
    this.#look();
    this.#beating = this.#options.clock.after(beatMs, () => this.#beat());
  }

  /** A session with other intervals goes on. */
  #set(address: string, peer: BfdPeer): void {
    const known = this.#sessions.get(address);
    const memory = known?.memory ?? newMemory(this.#options.clock.nowMs());
    const isSame = known?.slot !== undefined && wantsOf(known.peer) === wantsOf(peer);
    const opened = isSame ? { slot: known.slot, trouble: null } : this.#order(peer, known?.slot);
    this.#sessions.set(address, { peer, memory, seen: known?.seen, ...opened });
  }

  #order(peer: BfdPeer, known: number | undefined): Pick<Session, 'slot' | 'trouble'> {
    const engine = this.#engine;
    if (engine === undefined) return { slot: undefined, trouble: this.#startTrouble };
    const { addon, peerPort } = this.#options;
    const slot = known ?? this.#freeSlot(engine);
    if (slot === undefined) return { slot, trouble: `BFD runs for ${addon.bfdLayout().sessions} peers at most` };
    try {
      addon.bfdSet(engine.handle, slot, {
        peer: peer.address,
        local: peer.localAddress ?? (familyOf(peer.address) === 6 ? '::' : '0.0.0.0'),
        peerPort: peerPort ?? bfdPort,
        ...peer.bfd,
        hungAfterMs: (peer.holdTimeSec || defaultHungSec) * 1000,
      });
    } catch (error) {
      return { slot: known, trouble: messageOf(error) };
    }
    if (known === undefined) engine.given[slot] = (engine.given[slot] ?? 0) + 1;
    return { slot, trouble: null };
  }

  #freeSlot({ words, given }: Engine): number | undefined {
    const { sessions } = this.#options.addon.bfdLayout();
    return Array.from({ length: sessions }, (_, slot) => slot).find((slot) => words.ended(slot) === (given[slot] ?? 0));
  }

  #leave(address: string, { slot, memory }: Session): void {
    this.#sessions.delete(address);
    if (slot !== undefined && this.#engine !== undefined) this.#options.addon.bfdLeave(this.#engine.handle, slot);
    // Nobody is left to say when.
    if (memory.isLost) this.#options.events.onRegained(address);
  }

  #look(): void {
    const engine = this.#engine;
    if (engine !== undefined) {
      for (const [address, session] of this.#sessions) {
        const seen = this.#read(session.slot);
        if (seen !== undefined) this.#lookAt(seen, address, session);
      }
      this.#tellPriority(engine.words);
      const { words, given } = engine;
      if (this.#farewell !== undefined && given.every((count, slot) => words.ended(slot) === count)) this.#farewell();
    }
    this.#showTroubles();
  }

  /** Undefined until the thread has begun with it: before that the words are another session's. */
  #read(slot: number | undefined): BfdSessionWords | undefined {
    if (slot === undefined || this.#engine === undefined) return undefined;
    const { words, given } = this.#engine;
    return words.begun(slot) === given[slot] ? words.session(slot) : undefined;
  }

  #lookAt(seen: BfdSessionWords, address: string, session: Session): void {
    const { events, clock } = this.#options;
    const { state, remoteState, failures, received } = seen;
    const before = session.memory.look;
    const { memory, lost, regained } = judge(session.memory, { state, remoteState, failures, received }, clock.nowMs());
    this.#sessions.set(address, { ...session, memory, seen });
    if (lost) {
      const message = `BFD down: ${lossText(seen.lastDiagnostic, seen.remoteDiagnostic)}`;
      events.onLog({ level: 'warn', message, peer: address });
      events.onLost(address);
    } else if (state !== before.state && (state === 'up' || before.state === 'up')) {
      const message = state === 'up' ? 'BFD up' : `BFD ended: ${endText(remoteState)}`;
      events.onLog({ level: 'info', message, peer: address });
    }
    if (regained) events.onRegained(address);
    if (lost || shown(seen) !== shown(session.seen)) events.onChange();
  }

  #tellPriority(words: BfdWords): void {
    const { priority } = words;
    if (this.#isPriorityTold || priority === 'unknown') return;
    this.#isPriorityTold = true;
    this.#options.events.onLog({ level: 'info', message: `BFD runs at ${priority} priority` });
  }

  #socketTrouble({ address }: BfdPeer, sendError: number): string | null {
    const receiveError = this.#engine?.words.receiveError(familyOf(address)) ?? 0;
    if (receiveError !== 0) return `cannot receive: ${errnoText(receiveError)}`;
    return sendError === 0 ? null : `cannot send: ${errnoText(sendError)}`;
  }

  #showTroubles(): void {
    const troubles = this.#startTrouble === null ? this.#receiveTroubles() : [this.#startTrouble];
    if (troubles.join() === this.#troubles.join()) return;
    const { events } = this.#options;
    for (const trouble of troubles) if (!this.#troubles.includes(trouble)) events.onLog({ level: 'error', message: trouble });
    if (troubles.length === 0) events.onLog({ level: 'info', message: 'BFD can receive now' });
    this.#troubles = troubles;
    events.onChange();
  }

  #receiveTroubles(): readonly string[] {
    const port = this.#options.port ?? bfdPort;
    return ([4, 6] as const).flatMap((family) => {
      const errno = this.#engine?.words.receiveError(family) ?? 0;
      if (errno === 0) return [];
      return [`BFD cannot receive on UDP port ${port} (IPv${family}): ${errnoText(errno)}; BGP goes on without it`];
    });
  }
}

function wantsBfd(peer: PeerConfig): peer is BfdPeer {
  return peer.bfd !== undefined;
}

/** What a session cannot change while it lasts. */
function identity({ localAddress }: BfdPeer): string | undefined {
  return localAddress;
}

function wantsOf({ bfd, holdTimeSec }: BfdPeer): string {
  return JSON.stringify([bfd.intervalMs, bfd.multiplier, holdTimeSec]);
}

/** What is told at once; counters are told now and then. */
function shown(seen: BfdSessionWords | undefined): string {
  return [seen?.state, seen?.remoteState, seen?.sendIntervalMs, seen?.detectTimeMs, seen?.flaps, seen?.sendError].join();
}

function endText(remoteState: BfdStatus['state']): string {
  return remoteState === 'adminDown' ? 'the peer has switched it off, BGP goes on' : 'by this end';
}
