// What bench:engines measures, each from a new bed on: the daemon with an engine, the bare loop beside it, the kernel's own
// forwarding, a balancer of nftables, and nothing at all, which is what the others' cost of sending is told from.

import { nativeProgram } from '../deploy/lab/programs.ts';
import { backends, type EngineBed, type EngineWord, type Thread, vip } from './engine-bed.ts';

export interface Subject {
  readonly name: string;
  /** Returns the thread that forwards; none where the kernel does, while the generator sends. */
  start(bed: EngineBed): Promise<readonly Thread[]>;
}

/** Ends a loop that nobody ended. */
const loopLimitSec = '60';

/**
 * The host's kernel sees the frames of a packet socket as well, and takes longer to find that they are not its own than
 * the generator needs to make them: dropped behind the socket, they don't slow it down, and the loop gets its fill.
 */
async function dropBehindSockets(bed: EngineBed): Promise<void> {
  await bed.atBalancer(['tc', 'qdisc', 'add', 'dev', 'eth0', 'clsact']);
  const drop = ['bpf', 'da', 'obj', nativeProgram('bench/generate_bpf.o'), 'sec', 'tc'];
  await bed.atBalancer(['tc', 'filter', 'add', 'dev', 'eth0', 'ingress', 'prio', '900', 'handle', '1', ...drop]);
}

export const nothing: Subject = {
  name: 'nothing',
  start: async (bed) => {
    await bed.atBalancer(['ip', 'link', 'set', 'dev', 'eth0', 'xdpdrv', 'obj', nativeProgram('bench/drop_bpf.o'), 'sec', 'xdp']);
    return [];
  },
};

export function engine(word: EngineWord, options: { readonly busyPoll?: boolean } = {}): Subject {
  return {
    name: word,
    start: async (bed) => {
      if (word === 'af_packet') await dropBehindSockets(bed);
      return [await bed.startBalancer(word, options.busyPoll === true)];
    },
  };
}

export const bareLoop: Readonly<Record<EngineWord, Subject>> = {
  af_packet: {
    name: 'bare TPACKET loop',
    start: async (bed) => {
      await dropBehindSockets(bed);
      return [await bed.startNative('tpacket_loop', ['eth0', loopLimitSec])];
    },
  },
  af_xdp: {
    name: 'bare AF_XDP loop',
    start: async (bed) => [await bed.startNative('xsk_loop', [nativeProgram('bench/xsk_loop_bpf.o'), 'eth0', loopLimitSec])],
  },
};

export const kernelForwarding: Subject = {
  name: 'kernel forwarding',
  start: async (bed) => {
    await bed.atBalancer(['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
    return [];
  },
};

export const nftables: Subject = {
  name: 'nftables jhash DNAT',
  start: async (bed) => {
    await bed.atBalancer(['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
    const choice = backends.map((address, i) => `${i} : ${address}`).join(', ');
    const rule = `ip daddr ${vip.address} tcp dport ${vip.port} dnat to jhash ip saddr . tcp sport mod ${backends.length} map { ${choice} }`;
    await bed.atBalancer(
      ['nft', '-f', '-'],
      `table ip balancer {\n  chain prerouting {\n    type nat hook prerouting priority dstnat\n    ${rule}\n  }\n}\n`,
    );
    return [];
  },
};
