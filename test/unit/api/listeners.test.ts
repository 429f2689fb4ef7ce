import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listenTcp, listenUnix } from '../../../src/api/listeners.ts';

let directory = '';
const servers: Server[] = [];
const server = (): Server => {
  const made = createServer((_request, response) => response.end());
  servers.push(made);
  return made;
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'torii-listen-'));
});

afterEach(async () => {
  for (const each of servers.splice(0)) each.close();
  await rm(directory, { recursive: true });
});

/** A socket file whose owner was killed, as after a crash. */
async function leaveStaleSocket(path: string): Promise<void> {
  const program = join(directory, 'owner.mjs');
  await writeFile(
    program,
    `import { createServer } from 'node:net'; createServer().listen(process.argv[2], () => process.send('up'));`,
  );
  const owner = fork(program, [path]);
  await once(owner, 'message');
  owner.kill('SIGKILL');
  await once(owner, 'exit');
}

describe('the API socket', () => {
  it('is open to owner and group only', async () => {
    const path = await listenUnix(server(), join(directory, 'run', 'api.sock'));
    expect((await stat(path)).mode & 0o777).toBe(0o660);
  });

  it('takes the place of one whose owner is dead', async () => {
    const path = join(directory, 'api.sock');
    await leaveStaleSocket(path);
    expect((await stat(path)).isSocket()).toBe(true);
    await expect(listenUnix(server(), path)).resolves.toBe(path);
  });

  it('is refused while another daemon answers there', async () => {
    const path = join(directory, 'api.sock');
    await listenUnix(server(), path);
    await expect(listenUnix(server(), path)).rejects.toMatchObject({ code: 'address_in_use' });
  });

  it('never removes a file that is no socket', async () => {
    const path = join(directory, 'notes.txt');
    await writeFile(path, 'keep');
    await expect(listenUnix(server(), path)).rejects.toMatchObject({ code: 'address_in_use' });
    expect((await stat(path)).size).toBe(4);
  });
});

describe('the API port', () => {
  it('names the address that is taken', async () => {
    const where = await listenTcp(server(), { address: '127.0.0.1', port: 0 });
    const again = listenTcp(server(), { address: '127.0.0.1', port: Number(where.split(':')[1]) });
    await expect(again).rejects.toMatchObject({ code: 'address_in_use', message: expect.stringContaining(where) });
  });

  it('may be on IPv6 loopback', async () => {
    await expect(listenTcp(server(), { address: '::1', port: 0 })).resolves.toMatch(/^\[::1\]:\d+$/);
  });

  it.each(['0.0.0.0', '10.0.1.11', '::', '2001:db8::1'])(
    'is refused on %s, since any address but loopback needs TLS',
    async (address) => {
      const made = server();
      await expect(listenTcp(made, { address, port: 0 })).rejects.toMatchObject({ code: 'config_invalid' });
      expect(made.listening).toBe(false);
    },
  );
});
