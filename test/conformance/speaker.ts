// One speaker of a conformance bed: the built program in its namespace, with a document of `mode: local` VIPs alone, so
// that nothing but BGP is at work.

import type { LabBalancer } from '../../deploy/lab/balancer.ts';
import { apiSocket } from '../../deploy/lab/documents.ts';
import type { Family } from '../../deploy/lab/routers/router.ts';
import { balancerAs, type LabNode, routerAs, type Topology } from '../../deploy/lab/topology.ts';
import { until } from '../../deploy/lab/until.ts';
import type { PeerStatus, Policy } from '../../src/model/peer.ts';
import { addressOf, type PeerSettings } from './case.ts';

/** A VIP as the document has it: an address or a prefix, and its policy keys. */
export type SpeakerVip = Policy & { readonly address: string };

export interface SpeakerParams {
  readonly topology: Topology;
  readonly daemon: LabBalancer;
  readonly family: Family;
  readonly drainSec: number;
  readonly isExabgp: boolean;
  readonly isInternal: boolean;
  readonly passwordFile: (password: string) => string;
  /** Writes all documents anew. */
  readonly write: () => void;
}

const usual: PeerSettings = {
  holdTimeSec: 9,
  passive: false,
  password: null,
  ttlSecurity: null,
  bfd: null,
  families: null,
  role: null,
};
const patienceMs = 60_000;

export class Speaker {
  readonly daemon: LabBalancer;
  readonly #params: SpeakerParams;
  #peer: PeerSettings;
  #vips: readonly SpeakerVip[] = [];

  constructor(params: SpeakerParams, peer: Partial<PeerSettings> = {}) {
    this.#params = params;
    this.daemon = params.daemon;
    this.#peer = { ...usual, ...peer };
  }

  get node(): LabNode {
    return this.daemon.node;
  }

  /** What it calls from, and what routers have as next hop. */
  get address(): string {
    return addressOf(this.node, this.#params.family);
  }

  /** Announces exactly these from now on, in force a moment later; a running daemon is told. */
  announce(...vips: readonly (string | SpeakerVip)[]): void {
    this.#vips = vips.map((vip) => (typeof vip === 'string' ? { address: vip } : vip));
    this.#tell();
  }

  /** Changes its side of the session. */
  settle(peer: Partial<PeerSettings>): void {
    this.#peer = { ...this.#peer, ...peer };
    this.#tell();
  }

  /** The first report about its one peer that fits. */
  async peer(what: string, fits: (peer: PeerStatus) => boolean): Promise<PeerStatus> {
    let latest: PeerStatus | undefined;
    const look = async () => {
      [latest] = await this.daemon.read('peers');
      return latest !== undefined && fits(latest) && latest;
    };
    try {
      return await until(look, { what: `${this.node.id} ${what}`, timeoutMs: patienceMs, everyMs: 50 });
    } catch (cause) {
      throw new Error(`expected ${this.node.id} ${what}, got ${JSON.stringify(latest)}`, { cause });
    }
  }

  document(): object {
    const { topology, family, drainSec, isExabgp, isInternal, passwordFile } = this.#params;
    const { password, holdTimeSec, passive, ...optional } = this.#peer;
    const { node } = this;
    const peer = {
      address: addressOf(topology.router.fabric, family),
      as: routerAs,
      connectRetrySec: 1,
      holdTimeSec,
      passive,
      ...(password === null ? {} : { password: { file: passwordFile(password) } }),
      ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null)),
    };
    return {
      version: 1,
      node: {
        address: node.address,
        address6: node.address6,
        bgp: {
          localAs: isInternal ? routerAs : balancerAs,
          drainSec,
          ...(isExabgp ? { speaker: 'exabgp' } : {}),
          ...(passive ? { listen: { address: this.address } } : {}),
          peers: [peer],
        },
        api: { socket: apiSocket(topology, node) },
        logs: { level: 'info', format: 'json' },
      },
      tenants: [{ name: 'edge', vips: this.#vips.map((vip) => ({ ...vip, mode: 'local' })) }],
    };
  }

  #tell(): void {
    this.#params.write();
    this.daemon.reload();
  }
}
