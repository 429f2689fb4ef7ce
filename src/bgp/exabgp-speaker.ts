// The speaker of sites that already run ExaBGP: a process of ExaBGP for each peer, driven over its JSON API. Runs in the bgp
// worker.
//
// The contract is the built-in speaker's: set() is all that should be announced, leaving is GRACEFUL_SHUTDOWN, a pause,
// withdrawals, CEASE. ExaBGP has no BFD and takes no calls here, and the routes it receives are looked at by nobody, so the
// document may ask for none of it (config/exabgp-rules.ts).

import type { Advertisement, PeerConfig, PeerStatus, Speaker, SpeakerConfig } from '../model/peer.ts';
import { type Clock, systemClock } from './clock.ts';
import { ceaseError } from './constants.ts';
import { type LaunchExabgp, launchExabgp } from './exabgp-child.ts';
import { ExabgpPeer } from './exabgp-peer.ts';
import type { JournalEntry } from './journal.ts';
import { routePolicyOf } from './policy.ts';
import { makeRoute, type Route, type Routes } from './rib-out.ts';
import type { LogLevel } from './session.ts';

export interface ExabgpSpeakerOptions {
  /** Something that peers() or troubles() shows has changed. */
  onChange(): void;
  onLog(entry: { readonly level: LogLevel; readonly message: string; readonly peer?: string }): void;
  readonly clock?: Clock;
  readonly launch?: LaunchExabgp;
}

const flushPollMs = 10;
// After the drain a process that does not answer holds nobody longer than this.
const withdrawPatienceMs = 1000;

export class ExabgpSpeaker implements Speaker {
  readonly #options: ExabgpSpeakerOptions;
  readonly #clock: Clock;
  readonly #peers = new Map<string, { readonly config: PeerConfig; readonly process: ExabgpPeer }>();
  #config: SpeakerConfig;
  /** Undefined before the first set(): no session is told End-of-RIB until then. */
  #routes: Routes | undefined;
  #left: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(config: SpeakerConfig, options: ExabgpSpeakerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#config = config;
    for (const peer of config.peers) this.#add(peer);
  }

  set(advertisements: readonly Advertisement[]): void {
    const routes = this.#routesOf(advertisements);
    if (!this.#isLeaving) return this.#tell(routes);
    // Who leaves takes nothing on, but what fails during the drain goes at once.
    this.#tell(new Map([...(this.#routes ?? [])].filter(([prefix]) => routes.has(prefix))));
  }

  peers(): readonly PeerStatus[] {
    return [...this.#peers.values()].map(({ process }) => process.status());
  }

  /** What is wrong and no session's own trouble, in words for an operator; empty once mended. */
  troubles(): readonly string[] {
    return [...new Set([...this.#peers.values()].flatMap(({ process }) => process.troubles))];
  }

  bfdDiscards(): Readonly<Record<string, number>> {
    return {};
  }

  /** The last messages of one peer, oldest first; undefined when there is no such peer. */
  messages(address: string): readonly JournalEntry[] | undefined {
    return this.#peers.get(address)?.process.messages();
  }

  /** Peers that are gone are told so, changed ones start over, all others keep their session. */
  configure(config: SpeakerConfig): void {
    if (this.#isLeaving) return;
    const before = this.#config;
    this.#config = config;
    const wanted = new Set(config.peers.map(({ address }) => address));
    for (const [address, { process }] of this.#peers) {
      if (wanted.has(address)) continue;
      this.#peers.delete(address);
      void process.stop(ceaseError.peerDeconfigured);
    }
    const all = before.localAs !== config.localAs || before.routerId !== config.routerId;
    for (const peer of config.peers) this.#reconfigure(peer, all);
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

  #reconfigure(peer: PeerConfig, restart: boolean): void {
    const known = this.#peers.get(peer.address);
    if (known === undefined) return this.#add(peer);
    if (restart || sessionIdentity(known.config) !== sessionIdentity(peer)) {
      // The router would refuse a second session from here: the new one waits for the end of the old.
      const process = this.#make(peer);
      void known.process.stop(ceaseError.configurationChange).then(() => {
        if (!this.#isLeaving && this.#peers.get(peer.address)?.process === process) process.start();
      });
      this.#peers.set(peer.address, { config: peer, process });
    } else {
      known.process.configure(this.#config, peer);
      this.#peers.set(peer.address, { config: peer, process: known.process });
    }
  }

  #add(peer: PeerConfig): void {
    const process = this.#make(peer);
    this.#peers.set(peer.address, { config: peer, process });
    process.start();
  }

  #make(peer: PeerConfig): ExabgpPeer {
    return new ExabgpPeer(this.#config, peer, this.#routes, {
      launch: this.#options.launch ?? launchExabgp,
      clock: this.#clock,
      onChange: () => this.#options.onChange(),
      onLog: (level, message) => this.#options.onLog({ level, message, peer: peer.address }),
    });
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

  #tell(routes: Routes): void {
    this.#routes = routes;
    for (const { process } of this.#peers.values()) process.want(routes);
  }

  async #withdrawAll(): Promise<void> {
    const processes = this.#processes();
    if (processes.some(({ announced }) => announced > 0)) {
      for (const process of processes) process.drain();
      await this.#pause(this.#config.drainSec * 1000);
    }
    // A session that comes up from now on is told of none.
    if (this.#routes !== undefined) this.#tell(new Map());
    const deadlineMs = this.#clock.nowMs() + withdrawPatienceMs;
    while (processes.some(({ isTold }) => !isTold) && this.#clock.nowMs() < deadlineMs) await this.#pause(flushPollMs);
  }

  async #end(graceful: boolean): Promise<void> {
    if (graceful) await this.leave();
    await Promise.all(this.#processes().map((process) => process.stop(ceaseError.administrativeShutdown)));
    this.#options.onChange();
  }

  #processes(): readonly ExabgpPeer[] {
    return [...this.#peers.values()].map(({ process }) => process);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }
}

/** What ExaBGP is told when it starts. */
function sessionIdentity({ port, as, localAddress, password, multihop, holdTimeSec, families }: PeerConfig): string {
  return JSON.stringify([port, as, localAddress, password, multihop, holdTimeSec, families]);
}
