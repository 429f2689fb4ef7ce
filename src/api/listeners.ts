// Where the API listens: a Unix socket (mode 0660, group torii) and a loopback TCP port. Main thread.
//
// A socket file left by a daemon that died is removed; one that still answers is another daemon's and refuses the
// start. Any address but loopback is refused: there is no TLS here yet, and without it everybody could change anything. Every
// process of this host can change everything through the loopback port, whoever runs it.

import { chmod, chown, lstat, mkdir, readFile, unlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { dirname } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { messageOf, ToriiError } from '../errors.ts';
import { familyOf } from '../model/address.ts';
import { type Endpoint, endpointText } from '../model/flow.ts';

export function isLoopback(address: string): boolean {
  return familyOf(address) === 4 ? address.startsWith('127.') : address === '::1' || address.startsWith('::ffff:127.');
}

/** Resolves to the address as text once the server accepts connections; port 0 lets the kernel choose. */
export async function listenTcp(server: Server, { address, port }: Endpoint): Promise<string> {
  if (!isLoopback(address)) {
    throw new ToriiError(
      'config_invalid',
      `node.api.listen: expected a loopback address, since any other needs TLS, got ${endpointText({ address, port })}; reach it through ssh -L or a TLS proxy`,
    );
  }
  await listening(server, () => server.listen({ host: address, port }), endpointText({ address, port }));
  return endpointText({ address, port: (server.address() as AddressInfo).port });
}

/** Throws address_in_use where the path is another's, no_privilege or config_invalid where no socket can be made. */
export async function listenUnix(server: Server, path: string): Promise<string> {
  await claimSocket(path).catch((error: unknown) => {
    throw error instanceof ToriiError ? error : listenFailure(error as NodeJS.ErrnoException, path);
  });
  await listening(server, () => withUmask(0o117, () => server.listen({ path })), path);
  await chmod(path, 0o660);
  const group = await groupId('torii');
  if (group !== undefined) await chown(path, -1, group).catch(() => undefined); // only root or a member may; the mode still guards it
  return path;
}

/** Clears the way for a socket at `path`; address_in_use when somebody answers there or it is no socket. */
async function claimSocket(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket())
    throw new ToriiError('address_in_use', `node.api.socket: expected a socket or nothing at ${path}, found a file`);
  const answer = await ask(path);
  if (answer === 'refused') throw new ToriiError('no_privilege', `node.api: no permission to ask who listens on ${path}`);
  if (answer === 'yes') {
    throw new ToriiError('address_in_use', `another torii answers at ${path}; stop it, or give this one its own node.api.socket`);
  }
  await unlink(path);
}

/** Whether a daemon answers there. "refused": the socket's mode is for others. */
function ask(path: string): Promise<'yes' | 'no' | 'refused'> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve('yes');
    });
    probe.once('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'EACCES' || code === 'EPERM') resolve('refused');
      else resolve(code === 'ECONNREFUSED' || code === 'ENOENT' ? 'no' : 'yes');
    });
  });
}

function listening(server: Server, start: () => void, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenFailure(error, where)));
    server.once('listening', resolve);
    start();
  });
}

function listenFailure(error: NodeJS.ErrnoException, where: string): ToriiError {
  if (error.code === 'EADDRINUSE') {
    return new ToriiError('address_in_use', `node.api: ${where} is taken by another process (ss -ltnp shows which)`, {
      cause: error,
    });
  }
  if (error.code === 'EACCES' || error.code === 'EPERM' || error.code === 'EROFS') {
    return new ToriiError('no_privilege', `node.api: no permission to listen on ${where}: ${messageOf(error)}`, { cause: error });
  }
  return new ToriiError('config_invalid', `node.api: cannot listen on ${where}: ${messageOf(error)}`, { cause: error });
}

/** bind(2) creates the file with the umask's mode: without this it would be open to all until the chmod. */
function withUmask(mask: number, action: () => void): void {
  if (!isMainThread) return action();
  const before = process.umask(mask);
  try {
    action();
  } finally {
    process.umask(before);
  }
}

async function groupId(name: string): Promise<number | undefined> {
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const line = groups.split('\n').find((each) => each.startsWith(`${name}:`));
  return line === undefined ? undefined : Number(line.split(':')[2]);
}
