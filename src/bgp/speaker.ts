// The built-in BGP speaker: all peers, the listener and the one set of routes. Runs in the bgp worker.
//
// set() is the whole contract with the rest: "this should be announced now". Reconfiguring touches only peers whose own
// settings changed. Leaving on purpose follows RFC 8326 and RFC 9003: prefer others, wait, withdraw; when the owner has no
// more traffic, say why.

import { hostname, networkInterfaces } from 'node:os';
import { messageOf } from '../errors.ts';
import { parseAddress } from '../model/address.ts';
import type { Advertisement, PeerConfig, PeerStatus, Speaker, SpeakerConfig } from '../model/peer.ts';
import { type Clock, systemClock, type Timer } from './clock.ts';
import { ceaseError } from './constants.ts';
import type { JournalEntry } from './journal.ts';
import { type Liveness, type LivenessEvents, noLiveness } from './liveness.ts';
import { ceaseNotification } from './notification.ts';
import { peerSocket } from './peer-socket.ts';
import { routePolicyOf } from './policy.ts';
import { makeRoute, type Route, type Routes } from './rib-out.ts';
import { type LogLevel, PeerSession } from './session.ts';
import { tcpTransport } from './tcp-transport.ts';
import type { Connection, Listener, PeerSocket, Transport } from './transport.ts';

export interface SpeakerOptions {
  /** Something that peers() or troubles() shows has changed. */
  onChange(): void;
  onLog(entry: { readonly level: LogLevel; readonly message: string; readonly peer?: string }): void;
  readonly transport?: Transport;
  readonly clock?: Clock;
  /** What tells that a peer is dead before its hold time is over. */
  readonly liveness?: (events: LivenessEvents) => Liveness;
  /** What this host calls itself, unless it is to be something else. */
  readonly hostname?: string;
  /** Canonical addresses of a device of this host, unless they are to be others. */
  readonly addressesOf?: (device: string) => readonly string[];
}

interface Peer {
  readonly config: PeerConfig;
  readonly session: PeerSession;
}

const shutdownText = 'torii is shutting down';
const listenRetryMs = 5000;
const flushPollMs = 10;
// After the drain a peer that does not read holds nobody longer than this.
const withdrawPatienceMs = 1000;

export class BgpSpeaker implements Speaker {
  readonly #options: SpeakerOptions;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #peers = new Map<string, Peer>();
  readonly #liveness: Liveness;
  #config: SpeakerConfig;
  /** Undefined before the first set(): no session is told End-of-RIB until then. */
  #routes: Routes | undefined;
  #listener: Listener | undefined;
  #listenAttempt = 0;
  #listenRetry: Timer | undefined;
  /** Why nobody can call here. */
  #listenTrouble: string | null = null;
  #left: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #hasCeased = false;

  constructor(config: SpeakerConfig, options: SpeakerOptions) {
    this.#options = options;
    this.#transport = options.transport ?? tcpTransport;
    this.#clock = options.clock ?? systemClock;
    this.#config = config;
    for (const peer of config.peers) this.#add(peer);
    this.#liveness = options.liveness?.(this.#livenessEvents()) ?? noLiveness;
    this.#liveness.configure(config.peers);
    this.#listen();
  }

  set(advertisements: readonly Advertisement[]): void {
    this.#tell(this.#isLeaving ? this.#remaining(advertisements) : this.#routesOf(advertisements));
  }

  peers(): readonly PeerStatus[] {
    return [...this.#peers].map(([address, { session }]) => ({ ...session.status(), bfd: this.#liveness.status(address) }));
  }

  /** What is wrong and no peer's own trouble, in words for an operator; empty once mended. */
  troubles(): readonly string[] {
    return [...(this.#listenTrouble === null ? [] : [this.#listenTrouble]), ...this.#liveness.troubles()];
  }

  bfdDiscards(): Readonly<Record<string, number>> {
    return this.#liveness.discards();
  }

  /** The last messages of one peer, oldest first; undefined when there is no such peer. */
  messages(address: string): readonly JournalEntry[] | undefined {
    return this.#peers.get(address)?.session.messages();
  }

  /** Peers that are gone are told so, changed ones start over, all others keep their session. */
  configure(config: SpeakerConfig): void {
    if (this.#isLeaving) return;
    const before = this.#config;
    this.#config = config;
    const wanted = new Map(config.peers.map((peer) => [peer.address, peer]));
    for (const [address, { session }] of this.#peers) {
      if (wanted.has(address)) continue;
      this.#peers.delete(address);
      void session.stop(ceaseNotification(ceaseError.peerDeconfigured, ''));
    }
    const isListeningAlike = JSON.stringify(before.listen) === JSON.stringify(config.listen);
    // A peer that starts again with a new password may call at once.
    if (isListeningAlike && this.#listener !== undefined) this.#admit(this.#listener);
    const all = before.localAs !== config.localAs || before.routerId !== config.routerId;
    for (const peer of config.peers) this.#reconfigure(peer, all);
    this.#liveness.configure(config.peers);
    if (!isListeningAlike) this.#listen();
    this.#options.onChange();
  }

  leave(): Promise<void> {
    this.#left ??= this.#withdrawAll();
    return this.#left;
  }

  close(graceful: boolean): Promise<void> {
    this.#closed ??= this.#end(graceful);
    return this.#closed;
  }

  get #isLeaving(): boolean {
    return this.#left !== undefined || this.#closed !== undefined;
  }

  #routesOf(advertisements: readonly Advertisement[]): Routes {
    const routes = new Map<string, Route>();
    for (const advertisement of advertisements) {
      const { prefix } = advertisement;
      const route = makeRoute(prefix, routePolicyOf(advertisement), this.#routes?.get(prefix));
      if (route === undefined) this.#options.onLog({ level: 'error', message: `not announced, no prefix: ${prefix}` });
      else routes.set(prefix, route);
    }
    return routes;
  }

  // Who leaves takes nothing on, but a VIP that fails during a long drain must not keep its traffic until the end.
  #remaining(advertisements: readonly Advertisement[]): Routes {
    const wanted = new Set(advertisements.map(({ prefix }) => prefix));
    return new Map([...(this.#routes ?? [])].filter(([prefix]) => wanted.has(prefix)));
  }

  #tell(routes: Routes): void {
    this.#routes = routes;
    for (const { session } of this.#peers.values()) session.set(routes);
  }

  #livenessEvents(): LivenessEvents {
    return {
      onLost: (address) => this.#peers.get(address)?.session.lost(),
      onRegained: (address) => this.#peers.get(address)?.session.regained(),
      onChange: () => this.#options.onChange(),
      // A router that was told CEASE ends its BFD, too: no news.
      onLog: (entry) => (this.#hasCeased ? undefined : this.#options.onLog(entry)),
    };
  }

  #reconfigure(peer: PeerConfig, restart: boolean): void {
    const known = this.#peers.get(peer.address);
    if (known === undefined) return this.#add(peer);
    if (restart || sessionIdentity(known.config) !== sessionIdentity(peer)) {
      void known.session.stop(ceaseNotification(ceaseError.configurationChange, ''));
      known.session.configure(this.#config, peer);
      known.session.start();
    } else {
      known.session.configure(this.#config, peer);
    }
    this.#peers.set(peer.address, { config: peer, session: known.session });
  }

  #add(peer: PeerConfig): void {
    const session = new PeerSession(this.#config, peer, this.#routes, {
      transport: this.#transport,
      clock: this.#clock,
      hostname: this.#options.hostname ?? hostname(),
      addressesOf: this.#options.addressesOf ?? deviceAddresses,
      onChange: () => this.#options.onChange(),
      onLog: (level, message) => this.#options.onLog({ level, message, peer: peer.address }),
    });
    this.#peers.set(peer.address, { config: peer, session });
    session.start();
  }

  #listen(): void {
    this.#listener?.stop();
    this.#listener = undefined;
    this.#listenRetry?.cancel();
    this.#listenAttempt += 1;
    this.#listenTrouble = null;
    if (this.#config.listen !== undefined) void this.#tryListen(this.#config.listen, this.#listenAttempt);
  }

  // The port may be held for a moment by the process that this one replaces, so failing is said once, shown until mended, and tried again.
  async #tryListen(at: { readonly address: string; readonly port: number }, attempt: number): Promise<void> {
    try {
      const listener = await this.#transport.listen(
        { ...at, callers: this.#callers() },
        {
          onCall: (connection) => this.#accept(connection),
          onRefused: (address, text) => this.#peers.get(address)?.session.refused(text),
        },
      );
      if (attempt !== this.#listenAttempt || this.#isLeaving) return listener.stop();
      this.#listener = listener;
      this.#admit(listener);
    } catch (error) {
      if (attempt !== this.#listenAttempt || this.#isLeaving) return;
      const advice = at.port < 1024 ? '; a port below 1024 needs the capability CAP_NET_BIND_SERVICE' : '';
      const message = `node.bgp.listen: cannot listen on ${at.address} port ${at.port}: ${messageOf(error)}${advice}`;
      this.#showListening(message);
      this.#listenRetry = this.#clock.after(listenRetryMs, () => void this.#tryListen(at, attempt));
    }
  }

  #callers(): readonly PeerSocket[] {
    return this.#config.peers.map((peer) => peerSocket(peer, this.#config.localAs));
  }

  #admit(listener: Listener): void {
    const trouble = listener.admit(this.#callers());
    this.#showListening(trouble === null ? null : `node.bgp.listen: ${trouble}`);
  }

  #showListening(trouble: string | null): void {
    if (trouble === this.#listenTrouble) return;
    this.#listenTrouble = trouble;
    if (trouble === null) this.#options.onLog({ level: 'info', message: 'node.bgp.listen: listening now' });
    else this.#options.onLog({ level: 'error', message: trouble });
    this.#options.onChange();
  }

  #accept(connection: Connection): void {
    const peer = this.#peers.get(connection.remoteAddress);
    if (peer === undefined || this.#isLeaving) connection.reset();
    else peer.session.accept(connection);
  }

  async #withdrawAll(): Promise<void> {
    this.#stopListening();
    const sessions = this.#sessions();
    if (sessions.some(({ announced }) => announced > 0)) {
      for (const session of sessions) session.drain();
      await this.#pause(this.#config.drainSec * 1000);
    }
    // A session that comes up from now on is told of none.
    if (this.#routes !== undefined) this.#tell(new Map());
    await this.#untilTold(sessions);
  }

  async #end(graceful: boolean): Promise<void> {
    this.#stopListening();
    if (graceful) await this.leave();
    const sessions = this.#sessions();
    const notification = ceaseNotification(ceaseError.administrativeShutdown, shutdownText);
    this.#hasCeased = true;
    await Promise.all(sessions.map((session) => session.stop(notification)));
    // Only now: where BFD ends first, some routers take it for a failure.
    await this.#liveness.close();
    this.#options.onChange();
  }

  #sessions(): readonly PeerSession[] {
    return [...this.#peers.values()].map(({ session }) => session);
  }

  #stopListening(): void {
    this.#listener?.stop();
    this.#listenRetry?.cancel();
  }

  async #untilTold(sessions: readonly PeerSession[]): Promise<void> {
    const deadlineMs = this.#clock.nowMs() + withdrawPatienceMs;
    while (sessions.some(({ isTold }) => !isTold) && this.#clock.nowMs() < deadlineMs) await this.#pause(flushPollMs);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }
}

function deviceAddresses(device: string): readonly string[] {
  return (networkInterfaces()[device] ?? []).map(({ address }) => parseAddress(address) ?? address);
}

/** What cannot change under a running session. */
function sessionIdentity(peer: PeerConfig): string {
  const { port, as, localAddress, password, ttlSecurity, multihop, passive, holdTimeSec, families, role } = peer;
  return JSON.stringify([port, as, localAddress, password, ttlSecurity, multihop, passive, holdTimeSec, families, role]);
}
