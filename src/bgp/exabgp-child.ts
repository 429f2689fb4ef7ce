// One life of an ExaBGP process: its configuration, the socket that its bridge calls, its end. Runs in the bgp worker.
//
// The configuration, which holds the password, is a file of mode 0600 in a directory of mode 0700, and both are gone as soon
// as the bridge has called, by when ExaBGP has read it. An empty line each second tells the bridge that this thread
// lives. Ending is SIGKILL: whatever should be said to the router has been said by then.

import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../errors.ts';
import type { PeerConfig } from '../model/peer.ts';
import { type ExabgpSetting, exabgpConfig, exabgpEnvironment } from './exabgp-config.ts';

export interface ExabgpChild {
  order(line: string): void;
  /** At once; onEnd comes when it is gone. */
  kill(): void;
}

export interface ExabgpChildEvents {
  onLine(line: string): void;
  /** Once, and nothing after it. */
  onEnd(end: { readonly text: string; readonly isMissing: boolean }): void;
}

export type LaunchExabgp = (setting: Omit<ExabgpSetting, 'localAddress' | 'bridge'>, events: ExabgpChildEvents) => ExabgpChild;

const aliveMs = 1000;
/** With a hold time of 0, as BFD has it for a speaker that hangs. */
const defaultSilenceSec = 90;
const shownLogLines = 3;

export const launchExabgp: LaunchExabgp = (setting, events) => new Child(setting, events);

class Child implements ExabgpChild {
  readonly #setting: Omit<ExabgpSetting, 'localAddress' | 'bridge'>;
  readonly #events: ExabgpChildEvents;
  readonly #directory: string;
  readonly #server: Server;
  readonly #log: string[] = [];
  #process: ChildProcess | undefined;
  #bridge: Socket | undefined;
  #alive: NodeJS.Timeout | undefined;
  #isEnded = false;

  constructor(setting: Omit<ExabgpSetting, 'localAddress' | 'bridge'>, events: ExabgpChildEvents) {
    this.#setting = setting;
    this.#events = events;
    this.#directory = mkdtempSync(join(process.env['RUNTIME_DIRECTORY']?.split(':')[0] ?? tmpdir(), 'torii-exabgp-'));
    chmodSync(this.#directory, 0o700);
    this.#server = createServer((socket) => this.#called(socket));
    this.#server.on('error', (error) => this.#end(`cannot listen for ExaBGP's bridge: ${messageOf(error)}`));
    this.#server.listen(this.#socketPath, () => void this.#launch());
  }

  order(line: string): void {
    this.#bridge?.write(`${line}\n`);
  }

  kill(): void {
    if (this.#process === undefined) this.#end('ended before it began');
    else this.#process.kill('SIGKILL');
  }

  get #socketPath(): string {
    return join(this.#directory, 'api.sock');
  }

  async #launch(): Promise<void> {
    const { config, peer } = this.#setting;
    try {
      const localAddress = peer.localAddress ?? (await addressTowards(peer));
      if (this.#isEnded) return;
      const silenceSec = peer.holdTimeSec === 0 ? defaultSilenceSec : peer.holdTimeSec;
      const program = fileURLToPath(new URL('./exabgp-bridge.js', import.meta.url));
      const bridge = [process.execPath, program, this.#socketPath, String(silenceSec)];
      const file = join(this.#directory, 'exabgp.conf');
      writeFileSync(file, exabgpConfig({ config, peer, localAddress, bridge }), { mode: 0o600 });
      this.#spawn(file);
    } catch (error) {
      this.#end(messageOf(error));
    }
  }

  #spawn(file: string): void {
    // An environment file that is not there: the machine's own is another ExaBGP's.
    const argv = ['-e', join(this.#directory, 'none.env'), file];
    const env = { PATH: process.env['PATH'] ?? '', ...exabgpEnvironment(userName()) };
    const child = spawn('exabgp', argv, { cwd: this.#directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.#log.push(line.replace(/^[\d:]+ \| \d+ +\| /, '').replaceAll(/ +/g, ' '));
        if (this.#log.length > shownLogLines) this.#log.shift();
      });
    }
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') this.#end('the program exabgp is not in PATH', true);
      else this.#end(`cannot start exabgp: ${messageOf(error)}`);
    });
    child.on('close', (code, signal) => {
      const said = this.#log.length === 0 ? '' : `: ${this.#log.join(' / ')}`;
      this.#end(`ExaBGP ended (${code === null ? signal : `exit ${code}`})${said}`);
    });
  }

  #called(socket: Socket): void {
    if (this.#bridge !== undefined || this.#process?.pid === undefined) return void socket.destroy();
    this.#bridge = socket;
    this.#server.close();
    rmSync(this.#directory, { recursive: true, force: true });
    this.#alive = setInterval(() => socket.write('\n'), aliveMs);
    socket.on('error', () => this.kill());
    socket.on('close', () => this.kill());
    createInterface({ input: socket }).on('line', (line) => {
      if (!this.#isEnded) this.#events.onLine(line);
    });
  }

  #end(text: string, isMissing = false): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearInterval(this.#alive);
    this.#server.close();
    this.#bridge?.destroy();
    rmSync(this.#directory, { recursive: true, force: true });
    this.#events.onEnd({ text, isMissing });
  }
}

/** The address that this host speaks to the peer from, as its routes have it. No packet is sent. */
function addressTowards({ address, port }: PeerConfig): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', (error) => {
      socket.close();
      reject(new Error(`no way to ${address}: ${messageOf(error)}`));
    });
    socket.once('connect', () => {
      resolve(socket.address().address);
      socket.close();
    });
    socket.connect(port, address);
  });
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A number without a name, as in containers: ExaBGP only wants to know one.
    return 'nobody';
  }
}
