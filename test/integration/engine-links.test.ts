// Devices that are not what one is used to, or not any more: more queues to receive by than to send by, another name, another network
// namespace for a moment, tags of another kind.

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../deploy/lab/until.ts';
import { buildNative } from '../support/native-build.ts';
import { tcpFrame } from '../support/packets.ts';
import { arrivalsUpToNow, hasTcx, ipip, makeRouter, tcp, toVip } from './support/kernel-beside.ts';
import { liveEngines } from './support/live-engines.ts';
import { bed, build, FramePort, namespaceFile, remove, sh } from './support/packet-bed.ts';
import { bedDesired, PacketNode } from './support/packet-node-handle.ts';

const ethernet = { source: bed.clientMac, destination: bed.frontMac };
const packets = 200;
const innerPortAt = 14 + 20 + 20;

function flows(): readonly Uint8Array[] {
  return Array.from({ length: packets }, (_, i) =>
    tcpFrame({ from: `${bed.client}:${1024 + i}`, to: `${bed.vip}:80`, ethernet }),
  );
}

const isIpip = (frame: Uint8Array) => frame[12] === 0x08 && frame[23] === 4;
const hasGro = (device: string) => /generic-receive-offload: on/.test(sh('balancer', `ethtool -k ${device}`));

const indexOfFront = () => sh('balancer', 'ip -o link show front').split(':')[0];

function toClientAndBack(): void {
  const [client, balancer] = [namespaceFile('client'), namespaceFile('balancer')];
  sh(
    'balancer',
    `ip link set front netns ${client}; nsenter --net=${client} ip link set front netns ${balancer}; ip link set front up`,
  );
}

describe.each(liveEngines)('the engine %s', (engine) => {
  let node: PacketNode;
  let client: FramePort;
  let backend: FramePort;

  async function startNode(workers = 1): Promise<void> {
    node = await PacketNode.start({ engine, workers });
    await node.load(bedDesired());
    [client, backend] = await Promise.all([FramePort.open('client', 'eth0'), FramePort.open('backend', 'eth0')]);
  }

  /** Sends one packet after the other from a port until one arrives. */
  async function untilForwarded(port: number): Promise<void> {
    const isOne = (frame: Uint8Array) => isIpip(frame) && Buffer.from(frame).readUInt16BE(innerPortAt) === port;
    const isThere = async (): Promise<boolean> => {
      client.send(toVip(bed.vip, port));
      return backend.take(isOne) !== undefined;
    };
    await until(isThere, { what: 'a packet at the backend', timeoutMs: 5000 });
  }

  beforeEach(() => {
    buildNative('all');
    build();
  });

  afterEach(remove);
  afterAll(remove);

  it('sends all that it receives by more queues than it may send by', async () => {
    for (const device of ['front', 'back']) sh('balancer', `ethtool -L ${device} rx 2 tx 1`);
    sh('client', 'ethtool -L eth0 rx 1 tx 2');
    await startNode(2);
    client.send(...flows());
    for (let i = 0; i < packets; i++) await backend.receive(isIpip);
    expect((await node.totals()).verdicts).toMatchObject({ forward: packets, tx_full: 0 });
  });

  it('takes a device up again that was in another network namespace for a moment and has its old index', async () => {
    toClientAndBack(); // where its first index is taken
    await startNode();
    await untilForwarded(1);
    const before = indexOfFront();
    process.kill(node.pid, 'SIGSTOP');
    toClientAndBack();
    process.kill(node.pid, 'SIGCONT');
    expect(indexOfFront()).toBe(before);
    await untilForwarded(2);
  });

  it('puts the settings of a device back that has another name now', async () => {
    sh('balancer', 'ethtool -K front gro on');
    await startNode();
    sh('balancer', 'ip link set front down; ip link set front name other');
    await node.until(({ devices }) => devices['front'] === 'gone');
    expect(hasGro('other')).toBe(true);
  });

  it.runIf(hasTcx)('keeps VIP packets from a kernel that forwards while it takes a device up anew, too', async () => {
    makeRouter();
    await startNode(2);
    for (const mtuBytes of [1900, 2000]) {
      sh('balancer', `ip link set front mtu ${mtuBytes}`);
      for (let i = 0; i < 120; i++) {
        client.send(...flows().slice(0, 4));
        await node.totals();
      }
    }
    const arrivals = await arrivalsUpToNow(client, backend);
    expect([arrivals.includes(ipip), arrivals.filter((each) => each === tcp)]).toEqual([true, []]);
  });

  it('leaves packets with a service tag to the kernel', async () => {
    makeRouter();
    await startNode();
    client.send(Uint8Array.of(...toVip().subarray(0, 12), 0x88, 0xa8, 0, 0, ...toVip().subarray(12)));
    expect(await arrivalsUpToNow(client, backend)).toEqual([tcp]);
    expect((await node.totals()).workers[0]?.rxPackets).toBe(0);
  });
});
