// TCP check: the backend completes a handshake in time. Runs in the checks thread.
//
// The connection ends with a FIN, as any client's does: a reset would spare this host the TIME_WAIT, but it is an error to the
// service, of which some die. Says nothing about what the application would answer: that is http-check's.

import { connect, type Socket } from 'node:net';
import { deadline, type Outcome, outcomeOfError } from './check.ts';

export interface TcpProbe {
  readonly address: string;
  readonly port: number;
  readonly timeoutMs: number;
}

const lingerMs = 1000;

/** What the service says meanwhile is read and dropped: unread, it would turn the FIN into a reset. */
function endGently(socket: Socket): void {
  const giveUp = setTimeout(() => socket.destroy(), lingerMs);
  giveUp.unref();
  socket.once('close', () => clearTimeout(giveUp));
  socket.resume();
  socket.end();
}

/** Never rejects. Aborting ends it at once as inconclusive. */
export function probeTcp({ address, port, timeoutMs }: TcpProbe, signal: AbortSignal): Promise<Outcome> {
  const what = `tcp ${port}`;
  return new Promise((resolve) => {
    const startedMs = performance.now();
    const elapsedMs = () => performance.now() - startedMs;
    const socket = connect({ host: address, port });
    const settle = (outcome: Outcome) => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      if (outcome.kind === 'passed') endGently(socket);
      else socket.destroy();
      resolve(outcome);
    };
    const onAbort = () => settle({ kind: 'inconclusive', reason: `${what}: check ended` });
    const timer = deadline(timeoutMs, () =>
      settle({ kind: 'failed', reason: `${what}: no answer within ${timeoutMs} ms`, latencyMs: elapsedMs() }),
    );
    socket.on('connect', () => settle({ kind: 'passed', latencyMs: elapsedMs() }));
    socket.on('error', (error) => settle(outcomeOfError(error, what, elapsedMs())));
    signal.addEventListener('abort', onAbort);
  });
}
