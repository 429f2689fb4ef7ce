// The host agent in network namespaces: real encapsulated connections, a crash, and everything undone.

import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { build, nativeBuild, remove, sh, start } from '../support/dsr-bed.ts';

const agentScript = fileURLToPath(new URL('../../dist/test/support/host-agent.js', import.meta.url));
const isRunnable = process.getuid?.() === 0 && existsSync(`${nativeBuild}bpf/decap.o`) && existsSync(agentScript);

// Answers with the client's address and the number of bytes that arrived.
const server = `require('http').createServer((request, response) => {
  let bytes = 0;
  request.on('data', (chunk) => (bytes += chunk.length));
  request.on('end', () => response.end(request.socket.remoteAddress + ' ' + bytes));
}).listen(80, '0.0.0.0', () => console.log(JSON.stringify({ message: 'listening' })));`;

// One connection, kept; a request for every line "BYTES" on standard input would need a pipe: a signal does.
const client = `const agent = new (require('http').Agent)({ keepAlive: true, maxSockets: 1 });
const ask = () => {
  const request = require('http').request({ host: '203.0.113.10', port: 80, agent, method: 'POST', timeout: 5000 }, (response) => {
    response.on('data', (chunk) => console.log(JSON.stringify({ message: String(chunk), port: response.socket.localPort })));
  });
  request.on('error', (error) => console.log(JSON.stringify({ message: error.message })));
  request.on('timeout', () => request.destroy(new Error('timeout')));
  request.end(Buffer.alloc(1000000));
};
process.on('SIGUSR2', ask);
setInterval(() => {}, 1 << 30);
console.log(JSON.stringify({ message: 'ready' }));`;

/** A checkout below /root can't be run by anybody else. */
function isReadableByAll(): boolean {
  return isRunnable && spawnSync('setpriv', ['--reuid=65534', '--clear-groups', 'test', '-r', agentScript]).status === 0;
}

interface Line {
  readonly message: string;
  readonly port?: number;
  readonly code?: string;
  readonly added?: readonly string[];
  readonly removed?: readonly string[];
  readonly missing?: readonly string[];
}

/** A process and its output as awaitable lines. */
class Talker {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(process: ChildProcess) {
    this.process = process;
    if (process.stdout === null) throw new Error('no output');
    this.#lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
    started.push(process);
  }

  /** The next line whose message matches. */
  async says(pattern: RegExp): Promise<Line> {
    const seen: string[] = [];
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`ended without saying ${pattern}, but: ${seen.join('\n')}`);
      seen.push(value);
      const line = JSON.parse(value) as Line;
      if (pattern.test(line.message)) return line;
    }
  }

  /** All that is said until it ends. */
  async rest(): Promise<readonly Line[]> {
    const lines: Line[] = [];
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) return lines;
      lines.push(JSON.parse(value) as Line);
    }
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const exit = once(this.process, 'exit');
    this.process.kill(signal);
    await exit;
  }
}

const started: ChildProcess[] = [];
let directory = '';
const configFile = () => join(directory, 'torii.yaml');

function writeDocument(addresses: readonly string[]): void {
  const vips = addresses.map((address) => ({ address, protocol: 'tcp', ports: [80], pool: 'web' }));
  const pools = { web: { backends: [{ address: '10.99.2.21' }] } };
  writeFileSync(
    configFile(),
    JSON.stringify({ version: 1, node: { address: '10.99.2.21' }, tenants: [{ name: 'acme', vips }], pools }),
  );
}

const startAgent = () =>
  new Talker(start('host', [process.execPath, agentScript, configFile(), join(directory, 'state'), nativeBuild]));

/** All that the agent may change, as text. Not eth0's own IPv6 address, which comes to life when it likes. */
const machineState = () =>
  sh(
    'host',
    `ip -4 -o addr show | sed 's/valid_lft.*//'; ip -6 -o addr show dev lo; ip -4 route show table all; tc qdisc show dev eth0; tc filter show dev eth0 ingress
     cat /proc/sys/net/ipv4/conf/*/arp_ignore /proc/sys/net/ipv4/conf/*/arp_announce /proc/sys/net/ipv4/conf/*/rp_filter`,
  );

describe.skipIf(!isRunnable)('a host agent', () => {
  let before = '';

  beforeAll(() => {
    build();
    sh('host', 'sysctl -qw net.ipv4.conf.all.rp_filter=1');
  });
  afterAll(() => remove());

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'torii-host-'));
    before = machineState();
    writeDocument(['203.0.113.10']);
  });

  afterEach(() => {
    for (const process of started.splice(0)) process.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  });

  it('serves clients by their own address, large requests on 1500-byte links too, and survives its own crash', async () => {
    const agent = startAgent();
    await agent.says(/is a backend/);
    await new Talker(start('host', [process.execPath, '-e', server])).says(/listening/);
    const visitor = new Talker(start('client', [process.execPath, '-e', client]));
    await visitor.says(/ready/);
    visitor.process.kill('SIGUSR2');
    const first = await visitor.says(/./);
    expect(first.message).toBe('10.99.1.2 1000000');

    await agent.stop('SIGKILL');
    const next = startAgent();
    await next.says(/taking over/);
    await next.says(/is a backend/);
    visitor.process.kill('SIGUSR2');
    expect(await visitor.says(/./)).toEqual(first);
    await next.stop('SIGTERM');
    expect(machineState()).toBe(before);
  });

  it('leaves no trace when it stops', async () => {
    const agent = startAgent();
    await agent.says(/is a backend/);
    expect(machineState()).not.toBe(before);
    await agent.stop('SIGTERM');
    expect(machineState()).toBe(before);
    expect(existsSync(join(directory, 'state/host/undo.json'))).toBe(false);
  });

  it('leaves another agent alone that is at work in the same network namespace', async () => {
    const agent = startAgent();
    await agent.says(/is a backend/);
    const inForce = machineState();
    const second = startAgent();
    expect(await second.says(/another torii host/)).toMatchObject({ code: 'address_in_use' });
    expect(machineState()).toBe(inForce);
    await agent.stop('SIGTERM');
    expect(machineState()).toBe(before);
  });

  it('owns its VIPs without a word on the segment', async () => {
    writeDocument(['203.0.113.99']);
    const agent = startAgent();
    await agent.says(/is a backend/);
    const probe = `require('dgram').createSocket('udp4').send('x', 9, '203.0.113.99', () => process.exit())`;
    sh(
      'balancer',
      `${process.execPath} -e "${probe}"; for i in $(seq 100); do ip neigh show 203.0.113.99 | grep -q FAILED && exit; sleep 0.02; done; exit 1`,
    );
    await agent.stop('SIGTERM');
  });

  it('follows the document, keeps it when the next is broken, and never takes a VIP that it did not bring', async () => {
    sh('host', 'ip addr add 203.0.113.12/32 dev lo');
    const agent = startAgent();
    await agent.says(/is a backend/);
    writeDocument(['203.0.113.11', '203.0.113.12']);
    const change = await agent.says(/is a backend/);
    expect(change).toMatchObject({ added: ['203.0.113.11/32'], removed: ['203.0.113.10/32'] });
    writeFileSync(configFile(), 'version: 1\nnonsense: true\n');
    const complaint = await agent.says(/not applied/);
    expect(complaint.message).toContain('nonsense');
    expect(complaint).toMatchObject({ code: 'config_invalid' });
    expect(complaint).not.toHaveProperty('err');
    const vips = () => [...sh('host', 'ip -o addr show dev lo').matchAll(/203\.0\.113\.\d+/g)].map(([vip]) => vip);
    expect(vips()).toEqual(['203.0.113.12', '203.0.113.11']);
    await agent.stop('SIGTERM');
    expect(vips()).toEqual(['203.0.113.12']);
    sh('host', 'ip addr del 203.0.113.12/32 dev lo');
  });

  it('puts back what somebody else took away', async () => {
    const agent = startAgent();
    await agent.says(/is a backend/);
    const inForce = machineState();
    agent.process.kill('SIGSTOP');
    sh('host', 'ip addr del 203.0.113.10/32 dev lo');
    sh('host', 'tc qdisc del dev eth0 clsact; sysctl -qw net.ipv4.conf.all.arp_ignore=0');
    const route = sh('host', 'ip route show default').trim();
    expect(route).toContain(' advmss 1440');
    const plainRoute = route.replace(' advmss 1440', '');
    sh('host', `ip route replace ${plainRoute}`);
    agent.process.kill('SIGCONT');
    const gone = ['203.0.113.10/32 on lo', 'decapsulation on eth0', `advmss 1440 on "${plainRoute}"`, 'all/arp_ignore (0)'];
    // Twice, if a look had asked for some of it when it was stopped.
    for (const seen = new Set<string>(); seen.size < gone.length; ) {
      const { missing = [] } = await agent.says(/putting it right/);
      expect(gone).toEqual(expect.arrayContaining([...missing]));
      for (const each of missing) seen.add(each);
      await agent.says(/is a backend/);
    }
    const withoutIds = (state: string) => state.replaceAll(/torii_decap:\[\d+\]| id \d+/g, '');
    expect(withoutIds(machineState())).toBe(withoutIds(inForce));
    await agent.stop('SIGTERM');
    expect(machineState()).toBe(before);
  });

  it('warns when no interface carries its address though the document names the devices', async () => {
    const document = JSON.parse(readFileSync(configFile(), 'utf8')) as object;
    const pools = { web: { backends: [{ address: '10.99.2.99' }] } };
    writeFileSync(
      configFile(),
      JSON.stringify({ ...document, node: { address: '10.99.2.99', devices: [{ name: 'eth0' }] }, pools }),
    );
    const agent = startAgent();
    await agent.says(/is a backend/);
    expect(await agent.says(/no interface here carries 10\.99\.2\.99/)).toMatchObject({ level: 'warn' });
    await agent.stop('SIGTERM');
    expect(machineState()).toBe(before);
  });

  it('says what keeps it from being a backend once, not at every look', async () => {
    const document = JSON.parse(readFileSync(configFile(), 'utf8')) as object;
    writeFileSync(configFile(), JSON.stringify({ ...document, node: { address: '10.99.2.21', devices: [{ name: 'spare' }] } }));
    sh('host', 'ip link add spare type veth peer name other; ip link set spare up');
    const agent = startAgent();
    await agent.says(/is a backend/);
    sh('host', 'ip link del spare');
    expect((await agent.says(/not a proper backend/)).message).toContain('spare');
    // Several looks' time: nothing tells of what is not said.
    sh('host', 'sleep 0.5');
    agent.process.kill('SIGTERM');
    const said = await agent.rest();
    expect(said.filter(({ message }) => message.includes('not a proper backend'))).toEqual([]);
    expect(machineState()).toBe(before);
  });

  it('starts with the last good document when the present one is broken', async () => {
    const first = startAgent();
    await first.says(/is a backend/);
    await first.stop('SIGKILL');
    writeFileSync(configFile(), 'version: 1\nnonsense: true\n');
    const next = startAgent();
    await next.says(new RegExp(`last good document of ${configFile()}`));
    await next.says(/is a backend/);
    await next.stop('SIGTERM');
    expect(machineState()).toBe(before);
  });

  it.each([
    ['an address that is not of this host', { address: '10.99.2.99' }, 'device_unknown', '10.99.2.99'],
    ['a device that does not exist', { address: '10.99.2.21', devices: [{ name: 'eth7' }] }, 'device_unknown', 'eth7'],
  ])('refuses %s and changes nothing', async (_, node, code, word) => {
    writeFileSync(configFile(), JSON.stringify({ version: 1, node }));
    const agent = startAgent();
    const line = await agent.says(/no device/);
    expect(line).toMatchObject({ code });
    expect(line.message).toContain(word);
    expect(machineState()).toBe(before);
  });

  it.skipIf(!isReadableByAll())('needs no more than the capabilities of its systemd unit, and no root', async () => {
    const unit = readFileSync(new URL('../../deploy/systemd/torii-host.service', import.meta.url), 'utf8');
    const names = /^AmbientCapabilities=(.*)$/m.exec(unit)?.[1]?.split(' ') ?? [];
    const set = ['-all', ...names.map((name) => `+${name.replace('CAP_', '').toLowerCase()}`)].join(',');
    const limited = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', `--inh-caps=${set}`, `--ambient-caps=${set}`];
    chmodSync(directory, 0o777);
    const command = [process.execPath, agentScript, configFile(), join(directory, 'state'), nativeBuild];
    const agent = new Talker(start('host', [...limited, `--bounding-set=${set}`, '--no-new-privs', '--', ...command]));
    await agent.says(/is a backend/);
    await agent.stop('SIGTERM');
    expect(machineState()).toBe(before);
  });

  it('says which capabilities it lacks and changes nothing', async () => {
    const unprivileged = ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all', '--'];
    const agent = new Talker(
      start('host', [...unprivileged, process.execPath, agentScript, configFile(), join(directory, 'state'), nativeBuild]),
    );
    expect(await agent.says(/CAP_NET_ADMIN/)).toMatchObject({ code: 'no_privilege' });
    expect(machineState()).toBe(before);
  });
});
