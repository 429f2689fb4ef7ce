// Calling a peer. Runs in the bgp worker.
//
// The addon makes the socket, because its options must stand before the first SYN; Node's own Socket takes the descriptor over
// and connects it, so that waiting, cancelling and closing are Node's. Silence has several causes that look alike from here,
// so the words name those that this peer's settings make possible.

import { Socket } from 'node:net';
import { messageOf } from '../errors.ts';
import { familyOf, isLinkLocal } from '../model/address.ts';
import type { NetAddon, SocketAddon, SocketProtection } from '../net.ts';
import { TcpConnection } from './tcp-connection.ts';
import type { DialHandlers, DialTarget, PeerSocket } from './transport.ts';

export type DialAddon = SocketAddon & Pick<NetAddon, 'routes'>;

export function protectionOf({ address, password, ttl, minTtl, userTimeoutMs }: PeerSocket): SocketProtection {
  return { peer: address, ttl, minTtl, userTimeoutMs, key: Buffer.from(password ?? '') };
}

/** As Transport.dial. */
export function dial(load: () => DialAddon, target: DialTarget, { onConnected, onFailed }: DialHandlers): () => void {
  let addon: DialAddon;
  let socket: Socket;
  try {
    addon = load();
    socket = unconnectedSocket(addon, target);
  } catch (error) {
    const soon = setImmediate(() => onFailed(messageOf(error)));
    return () => clearImmediate(soon);
  }
  let settled = false;
  const settle = (): boolean => {
    if (settled) return false;
    settled = true;
    clearTimeout(tooLong);
    return true;
  };
  const fail = (words: () => string) => {
    socket.destroy();
    if (settle()) onFailed(words());
  };
  const tooLong = setTimeout(() => fail(() => silence(addon, target)), target.timeoutMs);
  socket.once('error', (error: NodeJS.ErrnoException) => fail(() => failure(addon, target, error)));
  socket.once('connect', () => {
    if (settle()) onConnected(new TcpConnection(socket, addon));
  });
  socket.connect({ host: target.address, port: target.port });
  return () => {
    settle();
    socket.destroy();
  };
}

function unconnectedSocket(addon: DialAddon, target: DialTarget): Socket {
  const anyAddress = familyOf(target.address) === 4 ? '0.0.0.0' : '::';
  const descriptor = addon.diallingSocket(target.localAddress ?? anyAddress);
  try {
    addon.protectSocket(descriptor, protectionOf(target));
    return new Socket({ fd: descriptor, readable: true, writable: true });
  } catch (error) {
    addon.closeSocket(descriptor);
    throw error;
  }
}

function failure(addon: DialAddon, target: DialTarget, error: NodeJS.ErrnoException): string {
  // The kernel's own patience ended before ours.
  if (error.code === 'ETIMEDOUT') return silence(addon, target);
  return error.code === 'EHOSTUNREACH' ? [error.message, ...detour(addon, target)].join('; ') : error.message;
}

function silence(addon: DialAddon, target: DialTarget): string {
  const words = [`no answer within ${Math.min(target.timeoutMs, target.userTimeoutMs) / 1000} s`, ...detour(addon, target)];
  if (target.password !== undefined) words.push('with a password set, this is also how a wrong or missing password looks');
  if (target.minTtl > 0) words.push('with ttlSecurity set, this is also how a router looks that does not send with TTL 255');
  return words.join('; ');
}

/** Why packets that may pass no router, sent or heard, do not arrive: the way leads over one. */
function detour(addon: DialAddon, { address, ttl, minTtl }: DialTarget): string[] {
  if ((ttl > 1 && minTtl < 255) || isLinkLocal(address)) return [];
  const [route] = addon.routes([address]);
  if (route?.kind !== 'unicast' || route.gateway === null) return [];
  return [`it is reached over ${route.gateway} and not on the own link, which takes multihop or a greater ttlSecurity`];
}
