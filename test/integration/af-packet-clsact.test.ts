// Where the kernel has no tcx, af_packet keeps it from VIP packets by a clsact filter, which outlives a killed process: it must do no
// harm then, nor stay, and never be in the way of filters that others have on the device.

import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../deploy/lab/until.ts';
import { buildNative } from '../support/native-build.ts';
import { icmpFrame } from '../support/packets.ts';
import { arrivalsUpToNow, hasTcx, ipip, isIcmpOf, makeRouter, tcp, toVip } from './support/kernel-beside.ts';
import { bed, build, endPrograms, FramePort, remove, sh } from './support/packet-bed.ts';
import { type NodeEngine, PacketNode } from './support/packet-node-handle.ts';

const withoutTcx: NodeEngine = 'af_packet+clsact';
const devices = ['front', 'back'];
/** As SHIELD_SECONDS of native/dataplane/shield.h, and some more. */
const pastDeadlineMs = 4000;
const patience = { timeoutMs: 15_000 };

const qdiscs = () => devices.map((device) => sh('balancer', `tc qdisc show dev ${device}`)).join('');
const filters = (device = 'front') => sh('balancer', `tc filter show dev ${device} ingress`);
const ours = (device = 'front') => [
  ...filters(device).matchAll(/torii_shield\+clsact direct-action|torii_shield direct-action/g),
];

/** A filter of another program: drops echo requests with this identifier, and has no opinion on anything else. */
const dropsEcho = (identifier: number) => `bpf da bytecode '4,40 0 0 38,21 0 1 ${identifier},6 0 0 2,6 0 0 4294967295'`;
const theirsInOurPlace = `tc filter add dev front ingress prio 65000 protocol all handle 0x746f7269 ${dropsEcho(1)}`;

const ethernet = { source: bed.clientMac, destination: bed.frontMac };
const echo = (identifier: number) =>
  icmpFrame({ from: bed.client, to: bed.front, type: 8, rest: Uint8Array.of(0, identifier, 0, 1), ethernet });
const identifierOf = (frame: Uint8Array) => frame[39];

describe('a clsact filter that keeps the kernel from VIP packets', () => {
  let node: PacketNode;
  let client: FramePort;
  let backend: FramePort;
  let before: string;

  beforeAll(() => {
    buildNative('build/test/frame_port');
    buildNative('all');
    build();
    makeRouter();
  });

  beforeEach(async () => {
    before = qdiscs();
    client = await FramePort.open('client', 'eth0');
    backend = await FramePort.open('backend', 'eth0');
  });

  afterEach(async () => {
    await node.stop();
    await endPrograms();
    for (const device of devices) sh('balancer', `tc qdisc del dev ${device} clsact 2>/dev/null || true`);
  });

  afterAll(remove);

  async function started(engine: NodeEngine = withoutTcx, wrap: readonly string[] = []): Promise<PacketNode> {
    node = await PacketNode.start({ engine, wrap });
    await node.load();
    return node;
  }

  /** What a packet to a VIP arrives as, when the engine has had the time to see it. */
  async function fate(): Promise<readonly (number | undefined)[]> {
    const sent = ((await node.totals()).verdicts['forward'] ?? 0) + 1;
    client.send(toVip());
    await node.until(({ verdicts }) => (verdicts['forward'] ?? 0) >= sent);
    return await arrivalsUpToNow(client, backend);
  }

  it('is named with the reason why there is no better way, and is gone without a trace after a stop', async () => {
    await started();
    for (const { reason } of (await node.totals()).queues)
      expect(reason).toBe(
        'a clsact filter keeps VIP packets from the kernel, and outlives a killed process by 3 s; ' +
          'no tcx, which would not: it needs Linux 6.6',
      );
    for (const device of devices) expect(ours(device)).toHaveLength(1);
    expect(await fate()).toEqual([ipip]);
    await node.stop();
    expect(qdiscs()).toBe(before);
    for (const device of devices) expect(filters(device)).toBe('');
  });

  it('works on for as long as the process lives', async () => {
    await started();
    await wait(pastDeadlineMs);
    expect(await fate()).toEqual([ipip]);
  });

  it("has its deadline by the kernel's clock where the balancer's is another one", async () => {
    await started(withoutTcx, ['unshare', '--time', '--fork', '--monotonic', '-60']);
    expect(await fate()).toEqual([ipip]);
  });

  it('holds nothing back any more a few seconds after a kill, and the next start has one of its own in its place', async () => {
    await started();
    await node.kill();
    expect(ours()).toHaveLength(1);
    const forwarded = async () => {
      client.send(toVip());
      return (await arrivalsUpToNow(client, backend)).includes(tcp);
    };
    await until(forwarded, { what: 'the kernel to forward for VIPs again', ...patience });
    await started();
    expect(ours()).toHaveLength(1);
    expect(await fate()).toEqual([ipip]);
    await node.stop();
    expect(qdiscs()).toBe(before);
  });

  it.skipIf(!hasTcx)(
    'is taken away by a start that has a better way, and so is the qdisc that a killed process made',
    async () => {
      await started();
      await node.kill();
      await started('af_packet');
      expect(qdiscs()).toBe(before);
      expect((await node.totals()).queues.map(({ reason }) => reason)).toEqual(['', '']);
    },
  );

  it('lets filters of others before and behind it see what they saw, and leaves them and their qdisc alone', async () => {
    const add = (priority: number, identifier: number) =>
      `tc filter add dev front ingress prio ${priority} ${dropsEcho(identifier)}`;
    sh('balancer', `tc qdisc add dev front clsact; ${add(1, 11)}; ${add(65100, 22)}`);
    const theirs = filters();
    await started();
    expect(await fate()).toEqual([ipip]);
    client.send(echo(11), echo(22), echo(33));
    const answers = await client.upTo((frame) => isIcmpOf(0)(frame) && identifierOf(frame) === 33);
    expect(answers.filter(isIcmpOf(0)).map(identifierOf)).toEqual([33]);
    await node.kill();
    await started();
    expect(ours()).toHaveLength(1);
    await node.stop();
    expect(filters()).toBe(theirs);
    expect(sh('balancer', 'tc qdisc show dev front')).toContain('clsact');
  });

  it('leaves a qdisc that it made where others have come to use it', async () => {
    await started();
    sh('balancer', `tc filter add dev front egress prio 1 ${dropsEcho(1)}`);
    await node.stop();
    expect(ours()).toHaveLength(0);
    expect(sh('balancer', 'tc filter show dev front egress')).toContain('direct-action');
    expect(sh('balancer', 'tc qdisc show dev back')).not.toContain('clsact');
  });

  it('works in an ingress qdisc, too', async () => {
    sh('balancer', 'tc qdisc add dev front ingress');
    await started();
    expect(await fate()).toEqual([ipip]);
    await node.stop();
    expect(filters()).toBe('');
    sh('balancer', 'tc qdisc del dev front ingress');
  });

  it('comes back where somebody takes it away, and where it cannot the kernel is known to forward', async () => {
    await started();
    sh('balancer', 'tc qdisc del dev front clsact');
    await until(() => ours().length === 1, { what: 'the filter to be back', ...patience });
    expect(await fate()).toEqual([ipip]);
    sh('balancer', `tc qdisc del dev front clsact; tc qdisc add dev front clsact; ${theirsInOurPlace}`);
    await node.until((totals) => totals.devices['front'] === 'forwarding');
    expect((await node.totals()).queues[0]?.reason).toMatch(
      /^the kernel handles VIP packets, too: .* needs tcx .* or a clsact filter/,
    );
    sh('balancer', 'tc filter del dev front ingress prio 65000');
    await node.until((totals) => totals.devices['front'] === 'up');
    expect(await fate()).toEqual([ipip]);
  });

  it('is a reason not to start beside forwarding where somebody else has its place', async () => {
    node = await started();
    await node.stop();
    sh('balancer', `tc qdisc add dev front clsact; ${theirsInOurPlace}`);
    await expect(PacketNode.start({ engine: withoutTcx })).rejects.toThrow(
      /^device_unusable: front: the kernel forwards .* or a clsact filter, with the modules sch_ingress and cls_bpf/,
    );
  });
});
