// The HTTP client of the lab, run inside the client namespace: `node requester.js OPTIONS-AS-JSON`.
//
// It keeps to a rate whatever the answers do (open loop), never repeats a failed request, and prints one RequestResult
// a line. When its standard input closes (its parent ends it, or dies) it finishes the requests under way and exits.

import { Agent, type IncomingMessage, request } from 'node:http';
import type { RequesterOptions, RequestResult, Watermark } from './messages.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as RequesterOptions;
const maxInFlight = 1_000;
let connections = 0;
let turns = 0;
const inFlight = new Set<InFlight>();
const stop = new AbortController();

interface InFlight {
  readonly startMs: number;
  readonly ended: Promise<void>;
}

/** One TCP connection at most at a time; a number for each one it opens. */
class Line {
  readonly agent: Agent;
  readonly source: string;
  connection = -1;
  carried = 0;

  constructor(keepAlive: boolean) {
    this.agent = new Agent({ keepAlive, maxSockets: 1 });
    this.source = options.sources[turns++ % options.sources.length] ?? '127.0.0.1';
  }
}

interface Answer {
  readonly status: number;
  readonly backend: string | null;
  readonly client: string | null;
  readonly vip: string | null;
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const status = response.statusCode ?? 0;
  const none = { status, backend: null, client: null, vip: null };
  return status === 200 ? { ...none, ...(JSON.parse(Buffer.concat(chunks).toString()) as object) } : none;
}

async function exchange(line: Line, onPort: (port: number | null) => void): Promise<Answer> {
  return await new Promise<Answer>((resolve, reject) => {
    const { address: host, port } = options.vip;
    const signal = AbortSignal.timeout(options.timeoutMs);
    const call = request({ host, port, path: '/', agent: line.agent, localAddress: line.source, signal });
    call.on('socket', (socket) => {
      if (!call.reusedSocket) {
        line.connection = connections++;
        line.carried = 0;
        socket.once('connect', () => onPort(socket.localPort ?? null));
      }
      onPort(socket.localPort ?? null);
    });
    call.on('response', (response) => {
      readAnswer(response).then(resolve, reject);
    });
    call.on('error', reject);
    call.end();
  });
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** One request from beginning to report. Never rejects: what goes wrong is in the report. */
async function send(line: Line): Promise<void> {
  const startMs = nowMs();
  const entry = { startMs, ended: attempt(line, startMs) };
  inFlight.add(entry);
  await entry.ended;
  inFlight.delete(entry);
}

async function attempt(line: Line, startMs: number): Promise<void> {
  let port: number | null = null;
  let answer: Answer | undefined;
  let error: string | null = null;
  try {
    answer = await exchange(line, (local) => {
      port = local;
    });
    if (answer.status !== 200) error = `status ${answer.status}`;
  } catch (failure) {
    error = describe(failure);
  }
  report({
    startMs,
    durationMs: nowMs() - startMs,
    ok: error === null,
    error,
    backend: answer?.backend ?? null,
    clientAddressSeen: answer?.client ?? null,
    vipSeen: answer?.vip ?? null,
    clientAddress: line.source,
    clientPort: port,
    connection: line.connection,
    reused: line.carried++,
  });
}

function reportWatermark(): void {
  report({ settledMs: Math.min(nowMs(), ...[...inFlight].map(({ startMs }) => startMs)) });
}

function describe(failure: unknown): string {
  if (failure instanceof Error && failure.name === 'TimeoutError') return `no answer in ${options.timeoutMs} ms`;
  if (failure instanceof Error && failure.name === 'AbortError') return `no answer in ${options.timeoutMs} ms`;
  return failure instanceof Error ? ((failure as NodeJS.ErrnoException).code ?? failure.message) : String(failure);
}

function report(message: RequestResult | Watermark): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function until(timeMs: number): Promise<void> {
  const waitMs = timeMs - nowMs();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
}

/** Requests at fixed times from the start; one that is late is sent at once, so that the rate holds. */
async function runFresh(perSec: number, endMs: number): Promise<void> {
  const startMs = nowMs();
  for (let sent = 0; !stop.signal.aborted; sent++) {
    const dueMs = startMs + (sent * 1000) / perSec;
    if (dueMs >= endMs) return;
    await until(dueMs);
    if (inFlight.size < maxInFlight) void send(new Line(false));
  }
}

async function runKept(index: number, everyMs: number, endMs: number): Promise<void> {
  const line = new Line(true);
  let dueMs = nowMs() + (index * everyMs) / 16;
  while (!stop.signal.aborted && dueMs < endMs) {
    await until(dueMs);
    await send(line);
    dueMs = Math.max(dueMs + everyMs, nowMs());
  }
  line.agent.destroy();
}

async function main(): Promise<void> {
  process.stdin.on('close', () => {
    stop.abort();
  });
  process.stdin.resume();
  // Nobody reads any more: whoever started this is dead.
  process.stdout.on('error', () => process.exit(0));
  const watermarks = setInterval(reportWatermark, 100);
  const endMs = nowMs() + options.durationMs;
  const { mode } = options;
  if (mode.kind === 'fresh') await runFresh(mode.perSec, endMs);
  else await Promise.all(Array.from({ length: mode.connections }, (_, i) => runKept(i, mode.everyMs, endMs)));
  await Promise.all([...inFlight].map(({ ended }) => ended));
  clearInterval(watermarks);
  reportWatermark();
  process.stdin.destroy();
}

await main();
