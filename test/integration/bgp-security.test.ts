// TCP MD5 and GTSM between the speaker and BIRD or FRR, whoever calls, over IPv4, IPv6 and link-local IPv6.

import { afterEach, describe, expect, it } from 'vitest';
import type { PeerConfig } from '../../src/model/peer.ts';
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
} from './support/bgp-bed.ts';

const secret = 's3cret';
const vip = '203.0.113.10/32';

interface Neighbour {
  readonly address: string;
  readonly password?: string;
  readonly ttlSecurity?: boolean;
}

interface Plan {
  readonly neighbours: readonly Neighbour[];
  readonly dials: boolean;
}

const birdText = ({ neighbours, dials }: Plan): string => `
log stderr all;
router id ${routerAddress};
protocol device { scan time 10; }
protocol kernel { ipv4 { export where source = RTS_BGP; import none; }; }
${neighbours
  .map(
    ({ address, password, ttlSecurity }) => `
protocol bgp {
  local as ${routerAs};
  neighbor ${address} as ${speakerAs};
  passive ${dials ? 'no' : 'yes'}; connect delay time 1; connect retry time 1; error wait time 1, 2; direct;
  ${password === undefined ? '' : `password "${password}";`}
  ${ttlSecurity === true ? 'ttl security on;' : ''}
  ${address.includes(':') ? 'ipv6' : 'ipv4'} { import all; export none; };
}`,
  )
  .join('')}
`;

// FRR 8.4 enforces GTSM on configured neighbours alone.
const frrText = ({ neighbours, dials }: Plan): string => `
router bgp ${routerAs}
 bgp router-id ${routerAddress}
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 timers bgp 3 9
${neighbours
  .map(
    ({ address, password, ttlSecurity }) => ` neighbor ${address} remote-as ${speakerAs}
 neighbor ${address} timers connect 1
${dials ? '' : ` neighbor ${address} passive\n`}${password === undefined ? '' : ` neighbor ${address} password ${password}\n`}${
  ttlSecurity === true ? ` neighbor ${address} ttl-security hops 1\n` : ''
} address-family ${address.includes(':') ? 'ipv6' : 'ipv4'} unicast
  neighbor ${address} activate
 exit-address-family
`,
  )
  .join('')}
`;

const [base] = speakerConfig.peers;
if (base === undefined) throw new Error('no peer');
const peer = (address: string, settings: Partial<PeerConfig> = {}): PeerConfig => ({ ...base, address, ...settings });

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('SKIPPED: TCP MD5 and GTSM with real routers need root for network namespaces');

let bed: BgpBed;
afterEach(() => bed.close());

async function routerOf(make: (bed: BgpBed) => Router): Promise<BgpBed> {
  bed = new BgpBed();
  const addresses = [
    [bed.routerNamespace, `${routerAddress6}/64`],
    [bed.routerNamespace, 'fe80::1/64'],
    [bed.speakerNamespace, `${speakerAddress6}/64`],
    [bed.speakerNamespace, 'fe80::11/64'],
  ] as const;
  for (const [namespace, address] of addresses) run('ip', '-n', namespace, 'addr', 'add', address, 'dev', 'e0', 'nodad');
  await make(bed).start();
  return bed;
}

describe.skipIf(!isRoot).each([
  [
    'BIRD',
    (plan: Plan) =>
      (on: BgpBed): Router =>
        new Bird(on, birdText(plan)),
  ],
  [
    'FRR',
    (plan: Plan) =>
      (on: BgpBed): Router =>
        new Frr(on, frrText(plan)),
  ],
])('%s with passwords and GTSM', (_name, make) => {
  const secured = { password: secret, ttlSecurity: true };
  const own = { password: secret, ttlSecurity: 1 };

  it('has sessions over both families, and one alone follows its changed password', async () => {
    const neighbours = [speakerAddress, speakerAddress6].map((address) => ({ address, ...secured }));
    await routerOf(make({ neighbours, dials: false }));
    const both = (password: string) => ({
      ...speakerConfig,
      peers: [peer(routerAddress, { ...own, password }), peer(routerAddress6, own)],
    });
    const speaker = bed.speaker(both(secret));
    speaker.set([{ prefix: vip, policy: {} }]);
    const isUp = (address: string) => speaker.peer((one) => one.address === address && one.state === 'established');
    await Promise.all([isUp(routerAddress), isUp(routerAddress6)]);
    await bed.routeIs(vip, true);
    speaker.configure(both('wrong'));
    const silent = await speaker.peer(({ lastError }) => lastError?.text.startsWith('no answer') === true);
    expect(silent.address).toBe(routerAddress);
    expect(silent.lastError?.text).toContain('with a password set, this is also how a wrong or missing password looks');
    await bed.routeIs(vip, false);
    speaker.configure(both(secret));
    await isUp(routerAddress);
    await bed.routeIs(vip, true);
    expect(await isUp(routerAddress6)).toMatchObject({ flaps: 0 });
    expect(JSON.stringify(speaker.logs)).not.toContain(secret);
  });

  it('calls the speaker, which takes its calls and nobody’s else', async () => {
    const neighbours = [
      { address: speakerAddress, ...secured },
      { address: speakerAddress6, password: secret },
    ];
    await routerOf(make({ neighbours, dials: true }));
    const speaker = bed.speaker({
      listen: { address: '::', port: 179 },
      peers: [routerAddress, routerAddress6].map((address) => peer(address, { ...own, passive: true })),
    });
    speaker.set([{ prefix: vip, policy: {} }]);
    await speaker.peer(({ address, state }) => address === routerAddress && state === 'established');
    await bed.routeIs(vip, true);
    // The other one is signed alike, but does not send with TTL 255.
    const refused = await speaker.peer(({ address, lastError }) => address === routerAddress6 && lastError !== null);
    expect(refused.lastError).toMatchObject({ direction: 'local', code: 0 });
    expect(refused.lastError?.text).toMatch(/^called with TTL \d+, where ttlSecurity expects at least 255$/);
  });
});

describe.skipIf(!isRoot)('a link-local router', () => {
  it('is called on its link, signed', async () => {
    const neighbour = { address: 'fe80::11%e0', password: secret, ttlSecurity: true };
    await routerOf((on) => new Bird(on, birdText({ neighbours: [neighbour], dials: false })));
    const settings = { password: secret, localAddress: 'fe80::11%e0', ttlSecurity: 1 };
    const speaker = bed.speaker({ peers: [peer('fe80::1%e0', settings)] });
    await speaker.peer(({ state }) => state === 'established');
  });

  it('calls over its link, signed', async () => {
    const neighbour = { address: 'fe80::11%e0', password: secret, ttlSecurity: true };
    await routerOf((on) => new Bird(on, birdText({ neighbours: [neighbour], dials: true })));
    const speaker = bed.speaker({
      listen: { address: '::', port: 179 },
      peers: [peer('fe80::1%e0', { password: secret, ttlSecurity: 1, passive: true })],
    });
    await speaker.peer(({ state }) => state === 'established');
  });
});
