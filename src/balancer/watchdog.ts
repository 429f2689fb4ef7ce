// The service manager's watchdog on a node without a packet path. Main thread.
//
// Where packets are forwarded their workers' progress feeds it, too (packet-path.ts). Here it is this thread's, and that of the
// threads which it watches (thread-watch.ts).

import type { NetAddon } from '../net.ts';

/** Of the time that the manager waits, as sd_watchdog_enabled(3) advises. */
const share = 1 / 2;

export interface WatchdogParams {
  readonly net: Pick<NetAddon, 'notify'>;
  /** Has WATCHDOG_USEC. */
  readonly env: NodeJS.ProcessEnv;
  /** Whether all goes on that a restart would mend. */
  readonly isAlive: () => boolean;
}

/** Feeds it, while all is alive, until the returned function is called; does nothing where no manager waits. */
export function feedWatchdog({ net, env, isAlive }: WatchdogParams): () => void {
  const limitMs = Number(env['WATCHDOG_USEC'] ?? 0) / 1000;
  if (!(limitMs > 0)) return () => undefined;
  const feed = (): void => void (isAlive() && net.notify('WATCHDOG=1'));
  feed();
  const timer = setInterval(feed, limitMs * share);
  return () => clearInterval(timer);
}
