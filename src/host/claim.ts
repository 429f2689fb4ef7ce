// One host agent a network namespace: a second one would take the first one's changes for its own and undo them.
//
// The claim is an abstract UNIX socket: such names belong to a network namespace, and the kernel gives them up with the
// process, however it ends. Held open, never answered. Runs on the main thread of `torii host`.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { ToriiError } from '../errors.ts';

const claimName = 'torii-host';

/** Resolves to what gives the claim up; rejects with address_in_use while another agent lives. */
export async function claimMachine(): Promise<() => void> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  server.listen(`\0${claimName}`);
  try {
    await once(server, 'listening');
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE')) throw cause;
    const message = `another torii host is at work on this machine (\`ss -xlp | grep ${claimName}\` shows its process); stop it first`;
    throw new ToriiError('address_in_use', message, { cause });
  }
  return () => void server.close();
}
