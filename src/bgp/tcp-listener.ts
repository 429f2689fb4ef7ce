// Taking peers' calls. Runs in the bgp worker.
//
// A caller's MD5 key stands on the listening sockets before they listen, so the kernel answers none but signed calls from it.
// The rest is set on each accepted connection, key included: one that was waiting when the document changed is held to the
// new one. GTSM on an accepted connection leaves the handshake open to senders further away; the TTL of the SYN is looked at
// for that, and what remains is to guess a sequence number between the SYN and the accept. Whatever cannot be protected is
// reset.

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { messageOf } from '../errors.ts';
import { familyOf, withoutZone } from '../model/address.ts';
import type { SocketAddon } from '../net.ts';
import { descriptorOf, TcpConnection } from './tcp-connection.ts';
import { protectionOf } from './tcp-dial.ts';
import type { Listener, ListenHandlers, ListenTarget, PeerSocket } from './transport.ts';

interface Door {
  readonly server: Server;
  readonly descriptor: number;
  readonly family: 4 | 6;
  /** Its server closes the descriptor. */
  isHandedOver: boolean;
}

/** As Transport.listen. */
export async function listen(addon: SocketAddon, target: ListenTarget, handlers: ListenHandlers): Promise<Listener> {
  const listener = new TcpListener(addon, handlers);
  try {
    // IPv6 sockets take no IPv4, whose keys would be another matter there.
    for (const address of target.address === '::' ? ['::', '0.0.0.0'] : [target.address]) listener.prepare(address, target.port);
    listener.admit(target.callers);
    await listener.open();
    return listener;
  } catch (error) {
    listener.stop();
    throw error;
  }
}

class TcpListener implements Listener {
  readonly #addon: SocketAddon;
  readonly #handlers: ListenHandlers;
  readonly #doors: Door[] = [];
  #callers: ReadonlyMap<string, PeerSocket> = new Map();
  /** Callers without a door, and why. */
  #kept: ReadonlyMap<string, string> = new Map();
  /** On the listening sockets, by address without zone. */
  readonly #keys = new Map<string, string>();

  constructor(addon: SocketAddon, handlers: ListenHandlers) {
    this.#addon = addon;
    this.#handlers = handlers;
  }

  /** A socket that does not listen yet. */
  prepare(address: string, port: number): void {
    const descriptor = this.#addon.listeningSocket(address, port);
    const server = createServer((socket) => this.#accept(socket));
    this.#doors.push({ server, descriptor, family: familyOf(address), isHandedOver: false });
  }

  async open(): Promise<void> {
    for (const door of this.#doors) {
      const { server, descriptor } = door;
      const listening = once(server, 'listening');
      server.listen({ fd: descriptor });
      door.isHandedOver = true;
      await listening;
      // Failing to accept one call (out of descriptors) must not end the thread; the peer will call again.
      server.on('error', () => undefined);
    }
  }

  admit(callers: readonly PeerSocket[]): string | null {
    const byKey = new Map<string, PeerSocket[]>();
    for (const caller of callers) {
      const key = withoutZone(caller.address);
      byKey.set(key, [...(byKey.get(key) ?? []), caller]);
    }
    const kept = new Map<string, string>();
    for (const [address, sharing] of byKey) {
      const trouble = this.#keyFor(address, sharing);
      if (trouble !== null) for (const caller of sharing) kept.set(caller.address, trouble);
    }
    for (const address of this.#keys.keys()) if (!byKey.has(address)) this.#setKey(address, '');
    this.#callers = new Map(callers.map((caller) => [caller.address, caller]));
    this.#kept = kept;
    return kept.size === 0 ? null : [...new Set(kept.values())].join('; ');
  }

  stop(): void {
    for (const { server, descriptor, isHandedOver } of this.#doors.splice(0)) {
      if (isHandedOver) server.close();
      else this.#addon.closeSocket(descriptor);
    }
  }

  #keyFor(address: string, sharing: readonly PeerSocket[]): string | null {
    const [password = '', ...more] = new Set(sharing.map((caller) => caller.password ?? ''));
    if (more.length === 0) return this.#setKey(address, password);
    const names = sharing.map((caller) => caller.address).join(' and ');
    return `${names} are the same address to the kernel, which has one TCP MD5 key for it: give them the same password`;
  }

  #setKey(address: string, password: string): string | null {
    if ((this.#keys.get(address) ?? '') === password) return null;
    try {
      for (const { descriptor, family } of this.#doors)
        if (family === familyOf(address)) this.#addon.setSocketKey(descriptor, address, Buffer.from(password));
    } catch (error) {
      return `${address} cannot call: ${messageOf(error)}`;
    }
    if (password === '') this.#keys.delete(address);
    else this.#keys.set(address, password);
    return null;
  }

  #accept(socket: Socket): void {
    const connection = new TcpConnection(socket, this.#addon);
    const { remoteAddress } = connection;
    const caller = this.#callers.get(remoteAddress);
    // Strangers learn nothing, not even that BGP is spoken here.
    if (caller === undefined) return connection.reset();
    const objection = this.#kept.get(remoteAddress) ?? this.#protect(socket, caller);
    if (objection === null) return this.#handlers.onCall(connection);
    connection.reset();
    this.#handlers.onRefused(remoteAddress, objection);
  }

  /** Why it may not go on, or null. */
  #protect(socket: Socket, caller: PeerSocket): string | null {
    const descriptor = descriptorOf(socket);
    if (descriptor === undefined) return 'this version of Node.js does not say which descriptor an accepted connection has';
    try {
      this.#addon.protectSocket(descriptor, protectionOf(caller));
      if (caller.minTtl === 0) return null;
      const ttl = this.#addon.synTtl(descriptor);
      if (ttl === 0 || ttl >= caller.minTtl) return null;
      return `called with TTL ${ttl}, where ttlSecurity expects at least ${caller.minTtl}`;
    } catch (error) {
      return `its call cannot be protected: ${messageOf(error)}`;
    }
  }
}
