// What the speaker asks of TCP: connections as bytes in, bytes out and one word at the end. Types only; tcp-transport.ts does
// it with sockets, tests bring their own.

export interface ConnectionHandlers {
  onData(bytes: Uint8Array): void;
  /** Once; not after end() or reset(). */
  onClosed(text: string): void;
  /** The backlog has gone. */
  onWritable(): void;
}

export interface Connection {
  /** Canonical; a link-local one with its zone. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Written, but not yet taken by the kernel. */
  readonly backlogBytes: number;
  /** Nothing is read before this. */
  start(handlers: ConnectionHandlers): void;
  write(bytes: Uint8Array): void;
  /** Written, but not yet acknowledged by the other host. */
  unacknowledgedBytes(): Promise<number>;
  /** Sends what was written, then FIN; gives up after a second. */
  end(): Promise<void>;
  /** Ends at once, with RST. */
  reset(): void;
}

/** What the connections with one peer are held to, whoever calls. peer-socket.ts makes it. */
export interface PeerSocket {
  readonly address: string;
  /** TCP MD5 (RFC 2385): the secret itself. */
  readonly password: string | undefined;
  /** Of what is sent. */
  readonly ttl: number;
  /** The least that is heard (GTSM, RFC 5082); 0: any. */
  readonly minTtl: number;
  /** How long the other host may acknowledge nothing. */
  readonly userTimeoutMs: number;
}

export interface DialTarget extends PeerSocket {
  readonly port: number;
  readonly localAddress: string | undefined;
  readonly timeoutMs: number;
}

export interface DialHandlers {
  readonly onConnected: (connection: Connection) => void;
  readonly onFailed: (text: string) => void;
}

export interface ListenTarget {
  /** "::" stands for every address of both families. */
  readonly address: string;
  readonly port: number;
  readonly callers: readonly PeerSocket[];
}

export interface ListenHandlers {
  /** One of the callers. Strangers are reset. */
  readonly onCall: (connection: Connection) => void;
  /** One of the callers, whose connection was reset because it is not as it should be. */
  readonly onRefused: (address: string, text: string) => void;
}

export interface Listener {
  /**
   * Who may call from now on, and how; connections that exist stay as they are. Returns what stands in the way of some of
   * them, in words: those are refused.
   */
  admit(callers: readonly PeerSocket[]): string | null;
  stop(): void;
}

export interface Transport {
  /** Calls exactly one handler, not before it returns, or none after the returned function cancelled the call. */
  dial(target: DialTarget, handlers: DialHandlers): () => void;
  /** Resolves once it listens. @throws the system's error */
  listen(target: ListenTarget, handlers: ListenHandlers): Promise<Listener>;
}
