// The bed of the BGP tests for BFD: both families on the link, routers that watch their neighbours, and silence at a word.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerConfig, SpeakerConfig } from '../../../src/model/peer.ts';
import {
  BgpBed,
  Bird,
  Frr,
  type Router,
  routerAddress,
  routerAddress6,
  routerAs,
  run,
  speakerAddress,
  speakerAddress6,
  speakerAs,
  speakerConfig,
} from './bgp-bed.ts';

const intervalMs = 100;
const multiplier = 5;

/** Without BFD nothing would happen for a minute and a half. */
const holdTimeSec = 90;

const peer = (address: string): PeerConfig => ({
  address,
  port: 179,
  as: routerAs,
  passive: false,
  holdTimeSec,
  connectRetrySec: 2,
  policy: {},
});
const plainPeers = [peer(routerAddress), peer(routerAddress6)];

export const plainSpeakerConfig: SpeakerConfig = { ...speakerConfig, peers: plainPeers };
export const bfdSpeakerConfig: SpeakerConfig = {
  ...speakerConfig,
  peers: plainPeers.map((plain) => ({ ...plain, bfd: { intervalMs, multiplier } })),
};

export interface BfdRouter extends Router {
  /** Whether it sees BFD up with a neighbour. */
  isUp(neighbour: string): boolean;
  /** Whether the neighbour's AdminDown has arrived. */
  heardAdminDown(neighbour: string): boolean;
}

export class BfdBed extends BgpBed {
  constructor() {
    super();
    run('ip', '-n', this.routerNamespace, 'addr', 'add', `${routerAddress6}/64`, 'dev', 'e0', 'nodad');
    run('ip', '-n', this.speakerNamespace, 'addr', 'add', `${speakerAddress6}/64`, 'dev', 'e0', 'nodad');
  }

  /** Nothing passes the link any more, and no end is told. */
  silence(): void {
    const chain = (hook: string) => `chain ${hook} { type filter hook ${hook} device "e0" priority 0; policy drop; }`;
    const rules = `table netdev silence {\n${chain('ingress')}\n${chain('egress')}\n}\n`;
    execFileSync('ip', ['netns', 'exec', this.speakerNamespace, 'nft', '-f', '-'], { input: rules });
  }

  heal(): void {
    run('ip', 'netns', 'exec', this.speakerNamespace, 'nft', 'delete', 'table', 'netdev', 'silence');
  }
}

const birdNeighbour = (own: string, neighbour: string, channel: string) => `
protocol bgp {
  local ${own} as ${routerAs};
  neighbor ${neighbour} as ${speakerAs};
  passive yes; hold time ${holdTimeSec}; error wait time 1, 2; connect delay time 1; direct; bfd on;
  ${channel} { import all; export none; };
}
`;

/** BIRD's own words for what it receives are in its log. */
export class BirdWithBfd extends Bird implements BfdRouter {
  readonly #log: string;

  constructor(bed: BfdBed) {
    const log = join(bed.directory, 'bird.log');
    super(
      bed,
      `
log stderr all;
log "${log}" all;
router id ${routerAddress};
protocol device { scan time 10; }
protocol kernel { ipv4 { export where source = RTS_BGP; import none; }; }
protocol kernel { ipv6 { export where source = RTS_BGP; import none; }; }
protocol bfd { debug all; interface "e0" { interval ${intervalMs} ms; multiplier ${multiplier}; }; }
${birdNeighbour(routerAddress, speakerAddress, 'ipv4')}${birdNeighbour(routerAddress6, speakerAddress6, 'ipv6')}`,
    );
    this.#log = log;
  }

  isUp(neighbour: string): boolean {
    return new RegExp(`^${neighbour} +e0 +Up `, 'm').test(this.ask('show bfd sessions'));
  }

  heardAdminDown(neighbour: string): boolean {
    return new RegExp(`CTL received from ${neighbour} .*AdminDown`).test(readFileSync(this.#log, 'utf8'));
  }
}

const frrConfig = `
bfd
 profile fast
  detect-multiplier ${multiplier}
  receive-interval ${intervalMs}
  transmit-interval ${intervalMs}
 exit
exit
!
router bgp ${routerAs}
 bgp router-id ${routerAddress}
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 timers bgp 30 ${holdTimeSec}
 neighbor LB peer-group
 neighbor LB remote-as external
 neighbor LB passive
 neighbor LB advertisement-interval 0
 neighbor LB bfd profile fast
 neighbor ${speakerAddress} peer-group LB
 neighbor ${speakerAddress6} peer-group LB
 address-family ipv4 unicast
  neighbor ${speakerAddress} activate
 exit-address-family
 address-family ipv6 unicast
  neighbor ${speakerAddress6} activate
 exit-address-family
`;

interface FrrBfdPeer {
  readonly peer: string;
  readonly status: string;
  readonly 'remote-diagnostic'?: string;
}

export class FrrWithBfd extends Frr implements BfdRouter {
  constructor(bed: BfdBed) {
    super(bed, frrConfig, ['zebra', 'bgpd', 'bfdd']);
  }

  isUp(neighbour: string): boolean {
    return this.#peer(neighbour)?.status === 'up';
  }

  heardAdminDown(neighbour: string): boolean {
    return /admin/.test(this.#peer(neighbour)?.['remote-diagnostic'] ?? '');
  }

  /** As an operator switches BFD off: the neighbours hear AdminDown. */
  switchOff(): void {
    this.ask('configure terminal', 'bfd', 'profile fast', 'shutdown');
  }

  #peer(neighbour: string): FrrBfdPeer | undefined {
    return (JSON.parse(this.ask('show bfd peers json')) as readonly FrrBfdPeer[]).find(({ peer }) => peer === neighbour);
  }
}
