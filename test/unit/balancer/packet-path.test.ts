// What the log says of the engine that carries a device.

import { describe, expect, it } from 'vitest';
import { modeLines } from '../../../src/balancer/packet-path.ts';
import type { QueueFacts } from '../../../src/dataplane/addon.ts';

const ring = { size: 0, used: 0 };

function queue(fields: Partial<QueueFacts>): QueueFacts {
  return {
    device: 0,
    worker: 0,
    queue: 0,
    engine: 'af_xdp',
    xdp: 'native',
    copy: 'zero-copy',
    busyPolling: false,
    hugePages: false,
    reason: '',
    rings: { fill: ring, rx: ring, tx: ring, completion: ring },
    statistics: { rxDropped: 0, rxInvalid: 0, txInvalid: 0, rxRingFull: 0, fillRingEmpty: 0, txRingEmpty: 0 },
    ...fields,
  };
}

describe('the log line of a device', () => {
  it('names engine, mode, copy mode and queues, and what is better than usual', () => {
    const queues = [
      queue({ busyPolling: true, hugePages: true }),
      queue({ worker: 1, queue: 1, busyPolling: true, hugePages: true }),
    ];
    expect(modeLines(['eth0'], queues)).toEqual([
      'device eth0 is carried by af_xdp: XDP native, zero-copy, 2 queues, busy polling, huge pages',
    ]);
  });

  it('says why nothing better, device by device', () => {
    const queues = [
      queue({ copy: 'copy', reason: 'no zero-copy: veth' }),
      queue({ device: 1, engine: 'af_packet', xdp: 'none', copy: 'ring' }),
    ];
    expect(modeLines(['eth0', 'eth1'], queues)).toEqual([
      'device eth0 is carried by af_xdp: XDP native, copy, 1 queue (no zero-copy: veth)',
      'device eth1 is carried by af_packet: 1 queue',
    ]);
  });

  it('says which queues a reason holds for, where others do better', () => {
    const reason = 'no AF_XDP socket to send by';
    const one = { engine: 'af_packet', xdp: 'none', copy: 'ring' } as const;
    expect(modeLines(['eth0'], [queue(one), queue({ ...one, queue: 1, reason })])).toEqual([
      `device eth0 is carried by af_packet: 2 queues (queue 1: ${reason})`,
    ]);
    expect(modeLines(['eth0'], [queue({ ...one, reason }), queue({ ...one, queue: 1, reason })])).toEqual([
      `device eth0 is carried by af_packet: 2 queues (${reason})`,
    ]);
  });
});
