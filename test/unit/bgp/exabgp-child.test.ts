// What becomes of a process that cannot start: it is told why, and no file with a password stays.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { launchExabgp } from '../../../src/bgp/exabgp-child.ts';
import type { PeerConfig } from '../../../src/model/peer.ts';
import { config, peer } from './support/session-bed.ts';

const loopback: PeerConfig = { ...peer, address: '127.0.0.1', password: 's3cret' };

describe('an ExaBGP that cannot start', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'torii-test-'));
    vi.stubEnv('RUNTIME_DIRECTORY', directory);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true, force: true });
  });

  const endOf = (peers: PeerConfig) =>
    new Promise<{ readonly text: string; readonly isMissing: boolean }>((resolve) => {
      launchExabgp({ config, peer: peers }, { onLine: () => undefined, onEnd: resolve });
    });

  it('is missing where PATH has none', async () => {
    vi.stubEnv('PATH', directory);
    expect(await endOf(loopback)).toEqual({ text: 'the program exabgp is not in PATH', isMissing: true });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('ends with the last it said, and saw its configuration in a file of its own', async () => {
    const script = '#!/bin/sh\nstat -c %a "$3" "$(dirname "$3")" >&2\ngrep -c md5-password "$3"\nexit 3\n';
    writeFileSync(join(directory, 'exabgp'), script, { mode: 0o755 });
    vi.stubEnv('PATH', `${directory}:${process.env['PATH']}`);
    const { text, isMissing } = await endOf(loopback);
    expect(isMissing).toBe(false);
    expect(text).toMatch(/^ExaBGP ended \(exit 3\): /);
    expect(text.split(': ')[1]?.split(' / ').sort()).toEqual(['1', '600', '700']);
    expect(readdirSync(directory)).toEqual(['exabgp']);
  });

  it('is not started where no route leads to the peer', async () => {
    const { text } = await endOf({ ...peer, address: '255.255.255.255' });
    expect(text).toMatch(/^no way to 255\.255\.255\.255: /);
    expect(readdirSync(directory)).toEqual([]);
  });
});
