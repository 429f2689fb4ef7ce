// What a router that is slow to move traffic away sees of a balancer that leaves: the withdrawal, its packets forwarded all the
// same, and only then the goodbye. A daemon with its packet path in one namespace, router and backend in another.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtFile } from '../../deploy/lab/programs.ts';
import { inNamespace, run, tryRun } from '../../deploy/lab/shell.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('SKIPPED: a balancer that leaves needs root for network namespaces');

const own = { balancer: `tlv-${process.pid}-b`, router: `tlv-${process.pid}-r` };
const vip = { address: '203.0.113.10', port: 9000 };
const bgpPort = 1179;
const timeoutMs = 120_000;

let directory = '';
const children: ChildProcess[] = [];

function start(namespace: string, ...argv: readonly string[]): ChildProcess {
  const [program = '', ...args] = inNamespace(namespace, [process.execPath, ...argv]);
  const env = { ...process.env, STATE_DIRECTORY: join(directory, 'state') };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  children.push(child);
  return child;
}

/** IP-in-IP packets that reached the backend. */
async function forwarded(): Promise<number> {
  const text = await run(['nft', '-j', 'list', 'counter', 'inet', 'seen', 'ipip'], { namespace: own.router });
  const { nftables } = JSON.parse(text) as { readonly nftables: readonly { readonly counter?: { readonly packets: number } }[] };
  return nftables.find(({ counter }) => counter !== undefined)?.counter?.packets ?? 0;
}

/** The backend is a second address of the router's namespace. */
async function build(): Promise<void> {
  for (const name of Object.values(own)) await run(['ip', 'netns', 'add', name]);
  await run(['ip', 'link', 'add', 'eth0', 'netns', own.balancer, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', own.router]);
  const commands = (host: string, ...more: readonly string[]) =>
    ['link set lo up', `addr add ${host}/24 dev eth0`, 'link set eth0 up', ...more].map((line) => `${line}\n`).join('');
  await run(['ip', '-n', own.balancer, '-batch', '-'], { input: commands('10.66.0.11') });
  const far = commands('10.66.0.1', 'addr add 10.66.0.21/24 dev eth0', `route add ${vip.address} via 10.66.0.11`);
  await run(['ip', '-n', own.router, '-batch', '-'], { input: far });
  const counter = `table inet seen {
  counter ipip { }
  chain in { type filter hook input priority 0; ip protocol 4 counter name ipip drop; }
}
`;
  await run(['nft', '-f', '-'], { namespace: own.router, input: counter });
}

function document(): object {
  return {
    version: 1,
    node: {
      address: '10.66.0.11',
      devices: [{ name: 'eth0', engine: 'af_packet' }],
      flowTable: { entries: 65_536 },
      bgp: { localAs: 65010, drainSec: 0, peers: [{ address: '10.66.0.1', port: bgpPort, as: 65000, connectRetrySec: 1 }] },
      api: { socket: join(directory, 'api.sock'), listen: '127.0.0.1:8470' },
    },
    tenants: [{ name: 'acme', vips: [{ address: vip.address, protocol: 'udp', ports: [vip.port], pool: 'web' }] }],
    pools: { web: { backends: [{ address: '10.66.0.21' }] } },
  };
}

describe.skipIf(!isRoot)('a balancer that is told to end', () => {
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'torii-leaving-'));
    await build();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    for (const name of Object.values(own)) await tryRun(['ip', 'netns', 'del', name]);
    rmSync(directory, { recursive: true, force: true });
  });

  it(
    'forwards what still comes after the withdrawal, its session up, and says goodbye last',
    async () => {
      writeFileSync(join(directory, 'torii.yaml'), JSON.stringify(document()));
      const words = ['10.66.0.1', bgpPort, vip.address, vip.port].map(String);
      const router = start(own.router, builtFile('test/integration/support/leaving-router.js'), ...words);
      const told: string[] = [];
      if (router.stdout === null) throw new Error('no output');
      const lines = createInterface({ input: router.stdout });
      lines.on('line', (line) => told.push(line));
      const until = async (kind: string) => {
        while (!told.includes(kind)) await once(lines, 'line');
      };
      await until('listening');
      const balancer = start(own.balancer, builtFile('src/main.js'), 'balancer', '--config', join(directory, 'torii.yaml'));
      const ended = once(balancer, 'exit');
      await until('announce');
      while ((await forwarded()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));

      balancer.kill('SIGTERM');
      await until('withdraw');
      const before = await forwarded();
      await until('end');
      expect((await ended)[0]).toBe(0);
      expect(told.slice(told.indexOf('withdraw'))).toEqual(['withdraw', 'notification', 'end']);
      // The router sent until the goodbye, every 5 ms, and this end waited for a pause that never came.
      expect((await forwarded()) - before).toBeGreaterThan(20);
    },
    timeoutMs,
  );
});
