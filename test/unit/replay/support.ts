// Captures and documents of these tests on disk, in a directory of each test's own.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { Capture } from '../../../src/replay/capture.ts';
import type { CapturedPacket } from '../../../src/replay/captured-packet.ts';

/** Gives every test of the file a directory; returns the path of a name in it. */
export function useDirectory(): (name: string) => string {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'torii-replay-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  return (name) => join(directory, name);
}

export interface ReadCapture {
  readonly packets: readonly CapturedPacket[];
  /** Why it ended early. */
  readonly failure: string | null;
}

/** The whole capture, as plain arrays. */
export function readCapture(path: string, file: Uint8Array): ReadCapture {
  writeFileSync(path, file);
  const capture = new Capture(path);
  try {
    const packets: CapturedPacket[] = [];
    for (let packet = capture.next(); packet !== undefined; packet = capture.next()) {
      packets.push({ ...packet, bytes: Uint8Array.from(packet.bytes) });
    }
    return { packets, failure: capture.failure?.message ?? null };
  } finally {
    capture.close();
  }
}

export const webDocument = {
  version: 1,
  node: { address: '10.0.1.11' },
  tenants: [
    {
      name: 'acme',
      vips: [
        { address: '203.0.113.10', protocol: 'tcp', ports: [80], pool: 'web' },
        { address: '203.0.113.10', protocol: 'udp', ports: ['5000-5010'], pool: 'web' },
      ],
    },
  ],
  pools: { web: { backends: [{ address: '10.0.2.21' }, { address: '10.0.2.22' }], tableSize: 251 } },
};
