// A router in a few bytes: speaks just enough BGP over loopback to see what a balancer tells, in the order it is told. It
// shares no code with the speaker, so that a mistake there is not made here again (RFC 4271 4, RFC 4760 3).

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface ToldRoute {
  readonly prefix: string;
  readonly nextHop: string;
  readonly asPath: readonly number[];
  readonly med: number | null;
  readonly localPref: number | null;
  /** "65000:1" */
  readonly communities: readonly string[];
  /** "65000:1:2" */
  readonly largeCommunities: readonly string[];
}

export type Told =
  | { readonly kind: 'open'; readonly as: number; readonly holdTimeSec: number; readonly routerId: string }
  | ({ readonly kind: 'announce' } & ToldRoute)
  | { readonly kind: 'withdraw'; readonly prefix: string }
  | { readonly kind: 'endOfRib' }
  | { readonly kind: 'notification'; readonly code: number; readonly subcode: number; readonly text: string }
  /** Of the TCP connection. */
  | { readonly kind: 'end' };

const as = 65000;
const headerBytes = 19;
const marker = Buffer.alloc(16, 0xff);

export class LoopbackRouter {
  readonly told: Told[] = [];
  /** What it would forward by now. */
  readonly routes = new Map<string, ToldRoute>();
  readonly #waiting = new Set<() => void>();
  #server: Server | undefined;
  #socket: Socket | undefined;

  /** Waits for the balancer's call; port 0 lets the kernel choose. */
  static async listening(address: string, port = 0): Promise<LoopbackRouter> {
    const router = new LoopbackRouter();
    const server = createServer((socket) => router.#talk(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, address, resolve);
    });
    router.#server = server;
    return router;
  }

  get port(): number {
    return (this.#server?.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Calls the balancer. Rejects where nobody listens. */
  static async calling(from: string, to: { readonly address: string; readonly port: number }): Promise<LoopbackRouter> {
    const router = new LoopbackRouter();
    const socket = connect({ host: to.address, port: to.port, localAddress: from });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    router.#talk(socket);
    return router;
  }

  /** Resolves once `condition` holds; looked at anew after everything that is told. */
  async until(what: string, condition: () => boolean, timeoutMs = 20_000): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`gave up waiting for ${what}; the router was told: ${JSON.stringify(this.told)}`));
      }, timeoutMs);
      this.#waiting.add(look);
    });
  }

  hasRoutes(...prefixes: readonly string[]): boolean {
    return [...this.routes.keys()].sort().join() === [...prefixes].sort().join();
  }

  close(): void {
    this.#server?.close();
    this.#socket?.destroy();
  }

  #talk(socket: Socket): void {
    this.#socket?.destroy();
    this.#socket = socket;
    this.routes.clear();
    let pending = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#note({ kind: 'end' }));
    socket.on('data', (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes]);
      while (pending.length >= headerBytes && pending.length >= pending.readUInt16BE(16)) {
        const length = pending.readUInt16BE(16);
        this.#take(pending.readUInt8(18), pending.subarray(headerBytes, length));
        pending = pending.subarray(length);
      }
    });
  }

  #take(type: number, body: Buffer): void {
    if (type === 1) {
      const routerId = [...body.subarray(5, 9)].join('.');
      this.#note({ kind: 'open', as: body.readUInt16BE(1), holdTimeSec: body.readUInt16BE(3), routerId });
      this.#socket?.write(Buffer.concat([openMessage(), message(4)]));
    } else if (type === 2) for (const each of readUpdate(body)) this.#note(each);
    else if (type === 3) {
      const text = body.length > 3 ? body.subarray(3, 3 + body.readUInt8(2)).toString() : '';
      this.#note({ kind: 'notification', code: body.readUInt8(0), subcode: body.readUInt8(1), text });
    } else if (type === 4) this.#socket?.write(message(4));
  }

  #note(each: Told): void {
    this.told.push(each);
    if (each.kind === 'announce') this.routes.set(each.prefix, each);
    else if (each.kind === 'withdraw') this.routes.delete(each.prefix);
    else if (each.kind === 'end') this.routes.clear();
    for (const look of this.#waiting) look();
  }
}

function message(type: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const rest = Buffer.alloc(3);
  rest.writeUInt16BE(headerBytes + body.length);
  rest.writeUInt8(type, 2);
  return Buffer.concat([marker, rest, body]);
}

/** Hold time 90 s, router id 192.0.2.1, multiprotocol IPv4 and IPv6 unicast, 4-octet AS. */
function openMessage(): Buffer {
  const capabilities = Buffer.from([1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 65, 4, 0, 0, as >> 8, as & 255]);
  const fixed = Buffer.from([4, as >> 8, as & 255, 0, 90, 192, 0, 2, 1, capabilities.length + 2, 2, capabilities.length]);
  return message(1, Buffer.concat([fixed, capabilities]));
}

function readUpdate(body: Buffer): readonly Told[] {
  const withdrawnEnd = 2 + body.readUInt16BE(0);
  const attributesEnd = withdrawnEnd + 2 + body.readUInt16BE(withdrawnEnd);
  const attributes = readAttributes(body.subarray(withdrawnEnd + 2, attributesEnd));
  const reach = attributes.get(14);
  const unreach = attributes.get(15);
  const nextHop4 = attributes.get(3)?.join('.') ?? '';
  const withdrawn = [...prefixesOf(body.subarray(2, withdrawnEnd), 4), ...prefixesOf(unreach?.subarray(3), 16)];
  const announced = [
    ...prefixesOf(body.subarray(attributesEnd), 4).map((prefix) => ({ prefix, nextHop: nextHop4 })),
    ...(reach === undefined ? [] : readReach(reach)),
  ];
  if (withdrawn.length === 0 && announced.length === 0) return [{ kind: 'endOfRib' }];
  const words = {
    asPath: asPathOf(attributes.get(2)),
    med: attributes.get(4)?.readUInt32BE(0) ?? null,
    localPref: attributes.get(5)?.readUInt32BE(0) ?? null,
    communities: communitiesOf(attributes.get(8)),
    largeCommunities: largeCommunitiesOf(attributes.get(32)),
  };
  return [
    ...withdrawn.map((prefix) => ({ kind: 'withdraw' as const, prefix })),
    ...announced.map((route) => ({ kind: 'announce' as const, ...route, ...words })),
  ];
}

function readAttributes(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const isLong = (bytes.readUInt8(at) & 0x10) !== 0;
    const start = at + (isLong ? 4 : 3);
    const end = start + (isLong ? bytes.readUInt16BE(at + 2) : bytes.readUInt8(at + 2));
    attributes.set(bytes.readUInt8(at + 1), bytes.subarray(start, end));
    at = end;
  }
  return attributes;
}

function readReach(reach: Buffer): readonly { readonly prefix: string; readonly nextHop: string }[] {
  const nextHopEnd = 4 + reach.readUInt8(3);
  const nextHop = ipv6Text(reach.subarray(4, Math.min(nextHopEnd, 20)));
  return prefixesOf(reach.subarray(nextHopEnd + 1), 16).map((prefix) => ({ prefix, nextHop }));
}

function communitiesOf(bytes: Buffer | undefined): readonly string[] {
  const count = (bytes?.length ?? 0) / 4;
  return Array.from({ length: count }, (_, i) => `${bytes?.readUInt16BE(4 * i)}:${bytes?.readUInt16BE(4 * i + 2)}`);
}

/** RFC 8092 */
function largeCommunitiesOf(bytes: Buffer = Buffer.alloc(0)): readonly string[] {
  return Array.from({ length: bytes.length / 12 }, (_, i) =>
    [0, 4, 8].map((part) => bytes.readUInt32BE(12 * i + part)).join(':'),
  );
}

/** Of AS_SEQUENCEs with four octets for each (RFC 6793). */
function asPathOf(bytes: Buffer = Buffer.alloc(0)): readonly number[] {
  const path: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const count = bytes.readUInt8(at + 1);
    for (let i = 0; i < count; i++) path.push(bytes.readUInt32BE(at + 2 + 4 * i));
    at += 2 + 4 * count;
  }
  return path;
}

function prefixesOf(bytes: Buffer = Buffer.alloc(0), width: 4 | 16 = 4): readonly string[] {
  const prefixes: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const bits = bytes.readUInt8(at);
    const end = at + 1 + Math.ceil(bits / 8);
    const address = Buffer.alloc(width);
    bytes.copy(address, 0, at + 1, end);
    prefixes.push(`${width === 4 ? address.join('.') : ipv6Text(address)}/${bits}`);
    at = end;
  }
  return prefixes;
}

function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
