import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseApi } from '../../../src/cli/client.ts';
import { buildProgram } from '../../../src/cli/program.ts';
import { torii } from './terminal.ts';

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'torii-cli-'));
});

afterEach(() => rm(directory, { recursive: true }));

describe('the command line', () => {
  it('suggests the verb that was meant and ends with 64', async () => {
    const { exit, err } = await torii(['statsu']);
    expect(exit).toBe(64);
    expect(err).toContain("unknown command 'statsu'");
    expect(err).toContain('status');
  });

  it('shows its help without a verb, on standard error', async () => {
    const { exit, out, err } = await torii([]);
    expect([exit, out]).toEqual([64, '']);
    expect(err).toContain('drain');
  });

  it('shows help and version with exit code 0', async () => {
    expect(await torii(['--help'])).toMatchObject({ exit: 0, err: '', out: expect.stringContaining('Exit codes') });
    expect(await torii(['--version'])).toMatchObject({ exit: 0, out: '0.1.0\n', err: '' });
  });

  it('has an example in the help of every verb', () => {
    const launch = async (): Promise<void> => {};
    const verbs = buildProgram({ balancer: launch, host: launch, controller: launch, replay: launch }).commands;
    expect(verbs.length).toBe(26);
    for (const verb of verbs) {
      let help = '';
      verb.configureOutput({ writeOut: (text) => void (help += text) }).outputHelp();
      expect(help).toContain(`torii ${verb.name()}`);
      expect(help).toMatch(/\nExamples?:\n/);
    }
  });

  it('helps with a verb, and says so where there is none of that name', async () => {
    expect((await torii(['help'])).out).toContain('Exit codes');
    expect((await torii(['help', 'drain'])).out).toMatch(/^Usage: torii drain /);
    const { exit, out, err } = await torii(['help', 'drian']);
    expect([exit, out]).toEqual([64, '']);
    expect(err).toBe(
      'torii: no verb drian; did you mean drain?\n  next: torii help lists the verbs, torii VERB --help shows one with an example\n',
    );
  });

  it('starts a role with its document, and knows no role without a launcher', async () => {
    const started: string[] = [];
    const balancer = async ({ config }: { readonly config: string }): Promise<void> => void started.push(config);
    expect((await torii(['balancer'], { launchers: { balancer } })).exit).toBe(0);
    expect((await torii(['balancer', '--config', 'a.yaml'], { launchers: { balancer } })).exit).toBe(0);
    expect(started).toEqual(['/etc/torii/torii.yaml', 'a.yaml']);
    expect((await torii(['controller'], { launchers: { balancer } })).exit).toBe(64);
  });

  it('names the verb whose example to look at, whoever finds the mistake', async () => {
    for (const args of [['drain'], ['drain', 'web/10.0.2.21', '--for', '5x'], ['explain', 'tcp'], ['weight', 'a', 'b']]) {
      const { exit, err } = await torii(args);
      expect([args, exit]).toEqual([args, 64]);
      expect(err).toContain(`next: torii ${args[0]} --help has an example\n`);
    }
    expect((await torii(['nonsense'])).err).toContain('next: torii help lists the verbs');
  });

  it('says what to do when no daemon answers', async () => {
    const { exit, err } = await torii(['status', '--api', join(directory, 'api.sock')]);
    expect(exit).toBe(5);
    expect(err).toContain('next: is the daemon running');
  });

  it('is not fooled by another server at the address', async () => {
    const server = createServer((_request, response) => response.writeHead(404).end('<html>'));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    expect(await torii(['vips', '--api', `127.0.0.1:${port}`])).toMatchObject({ exit: 5, out: '' });
    server.close();
  });

  it('reads socket paths and addresses', () => {
    expect(parseApi('/run/torii/api.sock')).toEqual({ socketPath: '/run/torii/api.sock' });
    expect(parseApi('unix:/a')).toEqual({ socketPath: '/a' });
    expect(parseApi('run/api.sock')).toEqual({ socketPath: 'run/api.sock' });
    expect(parseApi('unix:api.sock')).toEqual({ socketPath: 'api.sock' });
    expect(parseApi('127.0.0.1:8470')).toEqual({ host: '127.0.0.1', port: '8470' });
    expect(parseApi('http://[::1]:8470/')).toEqual({ host: '::1', port: '8470' });
    for (const bad of ['', 'host', 'https://a:1', 'a:99999', 'http://a/b']) {
      expect(() => parseApi(bad)).toThrowError(expect.objectContaining({ code: 'usage' }));
    }
  });
});

describe('the verbs that need no daemon', () => {
  it('make a secret of 64 hex digits, another each time', async () => {
    const [first, second] = [await torii(['secret']), await torii(['secret'])];
    expect(first.out).toMatch(/^[0-9a-f]{64}\n$/);
    expect(second.out).not.toBe(first.out);
  });

  it('print the JSON Schema of the document', async () => {
    expect(JSON.parse((await torii(['schema'])).out)).toMatchObject({
      type: 'object',
      required: expect.arrayContaining(['version']),
    });
  });

  it('accept a good document and say what is in it', async () => {
    const file = join(directory, 'torii.yaml');
    await writeFile(file, 'version: 1\nnode: { address: 10.0.1.11, devices: [{ name: eth0 }] }\n');
    const { exit, out } = await torii(['check', file]);
    expect([exit, out]).toEqual([0, `${file}: accepted, 0 tenants, 0 VIPs, 0 pools, 0 backends, 0 peers\n`]);
  });

  it('refuse a bad one with path and line, exit code 2', async () => {
    const file = join(directory, 'torii.yaml');
    await writeFile(file, 'version: 1\nnode:\n  colour: red\n');
    const { exit, out, err } = await torii(['check', file]);
    expect([exit, out]).toEqual([2, '']);
    expect(err).toContain(`${file}:3`);
  });

  it('say that a document cannot be read', async () => {
    expect((await torii(['check', join(directory, 'absent.yaml')])).exit).toBe(2);
  });
});
