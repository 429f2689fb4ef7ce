// One peer whose sessions ExaBGP has: a process for each try, told the routes once its session is up. Runs in the bgp worker.
//
// A process has at most one session. When that ends so does the process, and another one starts after the speaker's usual pause:
// ExaBGP 4.2 never forgets how long it waited before a good session, and what it still meant to send would come
// with the next one. Until it has one it dials by itself, and is started anew when its pauses have grown.

import { messageOf } from '../errors.ts';
import type { PeerConfig, PeerError, PeerStatus, SessionState, SpeakerConfig } from '../model/peer.ts';
import { retryDelayMs } from './backoff.ts';
import type { Clock, Timer } from './clock.ts';
import type { ExabgpChild, LaunchExabgp } from './exabgp-child.ts';
import { ceaseOrder } from './exabgp-commands.ts';
import { type ExabgpEvent, parseExabgpLine } from './exabgp-events.ts';
import { ExabgpOutbound } from './exabgp-outbound.ts';
import { type ExabgpPacket, ExabgpWire } from './exabgp-wire.ts';
import type { FamilyName } from './families.ts';
import type { JournalEntry } from './journal.ts';
import { nextHopsOf } from './next-hops.ts';
import { describeNotification } from './notification.ts';
import type { OutboundSetting } from './outbound.ts';
import type { Routes } from './rib-out.ts';
import type { LogLevel } from './session.ts';

export interface ExabgpPeerOptions {
  readonly launch: LaunchExabgp;
  readonly clock: Clock;
  onChange(): void;
  onLog(level: LogLevel, message: string): void;
}

interface Session {
  readonly sinceMs: number;
  readonly localAddress: string;
  readonly outbound: ExabgpOutbound;
}

interface Agreed {
  readonly holdTimeSec: number;
  readonly families: readonly FamilyName[];
}

const farewellMs = 1000;
const shownRoutes = 4;
const missing =
  'expected the program exabgp in PATH, as node.bgp.speaker asks for it, found none: ' +
  'run sudo apt-get install --no-install-recommends exabgp, or say speaker: built-in';

export class ExabgpPeer {
  readonly #options: ExabgpPeerOptions;
  readonly #wire: ExabgpWire;
  #config: SpeakerConfig;
  #peer: PeerConfig;
  /** Undefined until the first are known. */
  #routes: Routes | undefined;
  #isDraining = false;
  #isStopped = true;
  #state: SessionState = 'idle';
  #child: ExabgpChild | undefined;
  #session: Session | undefined;
  #agreed: Agreed | undefined;
  /** Of this process, since its start or its session. */
  #said: PeerError | null = null;
  #lastError: PeerError | null = null;
  #lastLogged = '';
  #trouble: string | null = null;
  #failures = 0;
  #flaps = 0;
  /** Until the next try, or until this one is given up. */
  #timer: Timer | undefined;
  #onDown: () => void = () => undefined;

  constructor(config: SpeakerConfig, peer: PeerConfig, routes: Routes | undefined, options: ExabgpPeerOptions) {
    this.#config = config;
    this.#peer = peer;
    this.#routes = routes;
    this.#options = options;
    this.#wire = new ExabgpWire(peer.as === config.localAs);
  }

  start(): void {
    this.#isStopped = false;
    this.#launch();
  }

  /** The settings of the session itself count from the next one. */
  configure(config: SpeakerConfig, peer: PeerConfig): void {
    this.#config = config;
    this.#peer = peer;
    this.#retell();
  }

  want(routes: Routes): void {
    this.#routes = routes;
    this.#session?.outbound.want(routes);
    this.#options.onChange();
  }

  /** All routes again, with GRACEFUL_SHUTDOWN. */
  drain(): void {
    this.#isDraining = true;
    this.#retell();
  }

  get announced(): number {
    return this.#session?.outbound.announced ?? 0;
  }

  get isTold(): boolean {
    return this.#session?.outbound.isClean ?? true;
  }

  /** What keeps this peer or some route from working and is not in its last error. */
  get troubles(): readonly string[] {
    const refused = this.#session?.outbound.refused ?? [];
    return [
      ...(this.#trouble === null ? [] : [this.#trouble]),
      ...(refused.length === 0
        ? []
        : [
            `ExaBGP does not take ${refused.length} of the routes for ${this.#peer.address}: ${refused.slice(0, shownRoutes).join(', ')}`,
          ]),
    ];
  }

  messages(): readonly JournalEntry[] {
    return this.#wire.messages;
  }

  status(): PeerStatus {
    const session = this.#session;
    const { counts, capabilities } = this.#wire;
    return {
      address: this.#peer.address,
      as: this.#peer.as,
      state: this.#state,
      uptimeSec: session === undefined ? 0 : Math.floor((this.#options.clock.nowMs() - session.sinceMs) / 1000),
      holdTimeSec: (session && this.#agreed?.holdTimeSec) ?? this.#peer.holdTimeSec,
      families: session?.outbound.families ?? [],
      announced: this.announced,
      flaps: this.#flaps,
      lastError: this.#lastError,
      bfd: null,
      messages: counts,
      ...(session === undefined || capabilities === undefined ? {} : { capabilities }),
    };
  }

  /** CEASE with this subcode if there is a session; resolves when the process is gone or going. */
  async stop(ceaseSubcode: number): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    const child = this.#child;
    if (child !== undefined && this.#session !== undefined) {
      await new Promise<void>((resolve) => {
        const patience = this.#options.clock.after(farewellMs, resolve);
        this.#onDown = () => {
          patience.cancel();
          resolve();
        };
        child.order(ceaseOrder(this.#peer.address, ceaseSubcode));
      });
    }
    // Who was started again meanwhile has another process.
    if (this.#child === child) this.#forget();
    child?.kill();
  }

  #launch(): void {
    this.#said = null;
    this.#agreed = undefined;
    try {
      this.#child = this.#launched();
    } catch (error) {
      return this.#ended(`cannot start exabgp: ${messageOf(error)}`);
    }
    this.#giveUpLater();
    this.#options.onChange();
  }

  #launched(): ExabgpChild {
    const child = this.#options.launch(
      { config: this.#config, peer: this.#peer },
      {
        onLine: (line) => {
          const event = parseExabgpLine(line);
          if (event !== undefined && child === this.#child) this.#hear(event);
        },
        onEnd: ({ text, isMissing }) => {
          if (child !== this.#child) return;
          this.#trouble = isMissing ? missing : null;
          this.#ended(isMissing ? missing : text);
        },
      },
    );
    return child;
  }

  #hear(event: ExabgpEvent): void {
    switch (event.kind) {
      case 'answer':
        return this.#session?.outbound.hear(event.answer);
      case 'state':
        // Up comes a moment later, and only then routes can be told.
        if (event.state !== 'established') this.#show(event.state);
        return;
      case 'negotiated':
        this.#agreed = event;
        return;
      case 'up':
        return this.#up(event.localAddress);
      case 'packet':
        return this.#hearPacket(event.packet);
      case 'down':
        return this.#session === undefined ? this.#failed(event.reason) : this.#ended(event.reason);
    }
  }

  #hearPacket(packet: ExabgpPacket): void {
    const message = this.#wire.hear(packet);
    if (message?.kind !== 'notification') return;
    const { direction, at } = packet;
    const { code, subcode } = message;
    this.#said = { direction, code, subcode, text: describeNotification(message), at };
  }

  #up(localAddress: string): void {
    this.#timer?.cancel();
    this.#failures = 0;
    this.#lastLogged = '';
    this.#trouble = null;
    this.#said = null;
    const families = this.#agreed?.families ?? [];
    const outbound = new ExabgpOutbound({
      peer: this.#peer.address,
      families,
      setting: this.#setting(localAddress),
      clock: this.#options.clock,
      order: (line) => this.#child?.order(line),
      onRefused: (text) => this.#options.onLog('error', text),
      onStuck: (text) => this.#ended(text),
    });
    this.#session = { sinceMs: this.#options.clock.nowMs(), localAddress, outbound };
    this.#options.onLog('info', `session established through ExaBGP (${families.join(', ')})`);
    this.#show('established');
    if (this.#routes !== undefined) outbound.want(this.#routes);
  }

  #setting(localAddress: string): OutboundSetting {
    const { localAs, nextHop4, nextHop6 } = this.#config;
    const sources = { localAddress, nextHop4, nextHop6, isNextHop6OnLink: false, ipv4OverIpv6: false };
    return {
      localAs,
      internal: localAs === this.#peer.as,
      fourOctetAs: true,
      peerPolicy: this.#peer.policy,
      draining: this.#isDraining,
      onlyToCustomer: undefined,
      nextHops: nextHopsOf(this.#agreed?.families ?? [], sources),
    };
  }

  #retell(): void {
    const session = this.#session;
    session?.outbound.configure(this.#setting(session.localAddress));
  }

  #giveUpLater(): void {
    const patienceMs = patienceFor(this.#peer.connectRetrySec);
    const hint = this.#peer.password === undefined ? '' : '; a wrong password looks like this, too';
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(patienceMs, () =>
      this.#ended(`no session within ${patienceMs / 1000} s: the router gives no answer${hint}`),
    );
  }

  /** ExaBGP goes on trying. */
  #failed(text: string): void {
    this.#blame(text);
    this.#log('no session');
    this.#show('idle');
  }

  #ended(text: string): void {
    const wasEstablished = this.#session !== undefined;
    this.#blame(text);
    if (wasEstablished) this.#flaps += 1;
    const child = this.#child;
    this.#forget();
    child?.kill();
    this.#onDown();
    if (this.#isStopped) return;
    this.#log(wasEstablished ? 'session lost' : 'no session');
    this.#failures += 1;
    const pauseMs = retryDelayMs(this.#failures, this.#peer.connectRetrySec, this.#options.clock.random());
    this.#timer = this.#options.clock.after(pauseMs, () => this.#launch());
  }

  // What was said first is the cause: what follows it, as a bare close after a NOTIFICATION, knows less.
  #blame(text: string): void {
    this.#said ??= { direction: 'local', code: 0, subcode: 0, text, at: this.#options.clock.isoTime() };
    this.#lastError = this.#said;
  }

  #log(what: string): void {
    const { direction, text } = this.#lastError ?? { direction: 'local', text: '' };
    const line = `${what} (${direction}): ${text}`;
    if (line !== this.#lastLogged) this.#options.onLog('warn', line);
    this.#lastLogged = line;
  }

  #forget(): void {
    this.#timer?.cancel();
    this.#session?.outbound.stop();
    this.#session = undefined;
    this.#child = undefined;
    this.#show('idle');
  }

  #show(state: SessionState): void {
    this.#state = state;
    this.#options.onChange();
  }
}

/** Within it ExaBGP has dialled a few times; starting it is not free. */
function patienceFor(connectRetrySec: number): number {
  return Math.min(60, Math.max(10, 3 * connectRetrySec)) * 1000;
}
