// ExaBGP as the driver sees it: takes orders, answers them, says what happens to the session. Time is the fake clock's.

import type { ExabgpChild, ExabgpChildEvents, LaunchExabgp } from '../../../../src/bgp/exabgp-child.ts';
import type { ExabgpSpeakerOptions } from '../../../../src/bgp/exabgp-speaker.ts';
import { ExabgpSpeaker } from '../../../../src/bgp/exabgp-speaker.ts';
import { encodeMessage, type Message } from '../../../../src/bgp/messages.ts';
import type { SpeakerConfig } from '../../../../src/model/peer.ts';
import { FakeClock } from './fake-network.ts';
import { config } from './session-bed.ts';

const answerMs = 1;

type Neighbor = Readonly<Record<string, unknown>>;

export class FakeExabgp implements ExabgpChild {
  readonly address: string;
  readonly orders: string[] = [];
  /** Prefixes it announces, with what the order said before them. */
  readonly routes = new Map<string, string>();
  isAlive = true;
  /** Gives no answer to anything. */
  isStuck = false;
  /** Its parser throws at these, so there is no answer. */
  poison: string | undefined;
  /** "error" at these. */
  bad: string | undefined;
  readonly #events: ExabgpChildEvents;
  readonly #clock: FakeClock;

  constructor(address: string, events: ExabgpChildEvents, clock: FakeClock) {
    this.address = address;
    this.#events = events;
    this.#clock = clock;
  }

  order(line: string): void {
    this.orders.push(line);
    if (this.isStuck) return;
    if (line === 'version') return this.#answer('exabgp 4.2.21', 'done');
    if (this.poison !== undefined && line.includes(this.poison)) return;
    if (this.bad !== undefined && line.includes(this.bad)) return this.#answer('error');
    const [, verb, words, prefixes] = /(announce|withdraw) attributes (.+) nlri (.+)$/.exec(line) ?? [];
    for (const prefix of prefixes?.split(' ') ?? []) {
      if (verb === 'withdraw') this.routes.delete(prefix);
      else this.routes.set(prefix, words ?? '');
    }
    this.#answer('done');
    if (line.includes(' teardown ')) this.down('peer reset, message (notification sent) error(Cease)');
  }

  kill(): void {
    this.end('killed');
  }

  end(text: string, isMissing = false): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.routes.clear();
    this.#events.onEnd({ text, isMissing });
  }

  say(type: string, neighbor: Neighbor): void {
    const address = { local: '10.66.0.11', peer: this.address };
    const time = Date.parse(this.#clock.isoTime()) / 1000;
    if (this.isAlive) this.#events.onLine(JSON.stringify({ exabgp: '4.0.1', time, type, neighbor: { address, ...neighbor } }));
  }

  /** Passes a message on. */
  pass(direction: 'send' | 'receive', message: Message | Uint8Array): void {
    const wire = Buffer.from(message instanceof Uint8Array ? message : encodeMessage(message, { fourOctetAs: true }));
    const text = (bytes: Buffer) => `0x${bytes.toString('hex').toUpperCase()}`;
    const category = wire[18] ?? 0;
    this.say('any', { direction, message: { category, header: text(wire.subarray(0, 19)), body: text(wire.subarray(19)) } });
  }

  up(families: readonly string[] = ['ipv4 unicast']): void {
    this.say('fsm', { state: 'OPENSENT' });
    this.say('negotiated', { negotiated: { hold_time: 6, families } });
    this.say('fsm', { state: 'ESTABLISHED' });
    this.say('state', { state: 'up' });
  }

  down(reason = 'peer reset, message (closing connection) error(the TCP connection was closed by the remote end)'): void {
    this.say('state', { state: 'down', reason });
  }

  #answer(...lines: readonly string[]): void {
    this.#clock.after(answerMs, () => {
      if (this.isAlive) for (const line of lines) this.#events.onLine(line);
    });
  }
}

export interface ExabgpBed {
  readonly speaker: ExabgpSpeaker;
  readonly clock: FakeClock;
  readonly children: readonly FakeExabgp[];
  readonly logs: readonly string[];
  /** The newest process. */
  last(): FakeExabgp;
}

export function exabgpBed(overrides: Partial<SpeakerConfig> = {}, launched?: LaunchExabgp): ExabgpBed {
  const clock = new FakeClock();
  const children: FakeExabgp[] = [];
  const logs: string[] = [];
  const launch: LaunchExabgp = ({ peer }, events) => {
    const child = new FakeExabgp(peer.address, events, clock);
    children.push(child);
    return child;
  };
  const options: ExabgpSpeakerOptions = {
    onChange: () => undefined,
    onLog: ({ message }) => void logs.push(message),
    clock,
    launch: launched ?? launch,
  };
  const speaker = new ExabgpSpeaker({ ...config, implementation: 'exabgp', ...overrides }, options);
  const last = () => {
    const child = children.at(-1);
    if (child === undefined) throw new Error('no process was started');
    return child;
  };
  return { speaker, clock, children, logs, last };
}
