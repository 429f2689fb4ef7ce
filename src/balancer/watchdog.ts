// The service manager's watchdog on a node without a packet path. Main thread.
//
// Where packets are forwarded their workers' progress feeds it (packet-path.ts). Here nothing but this thread can stand still
// unseen: a speaker that hangs loses its sessions by their hold time.

import type { NetAddon } from '../net.ts';

/** Of the time that the manager waits, as sd_watchdog_enabled(3) advises. */
const share = 1 / 2;

/** Feeds it until the returned function is called; does nothing where no manager waits. `env` has WATCHDOG_USEC. */
export function feedWatchdog(net: Pick<NetAddon, 'notify'>, env: NodeJS.ProcessEnv): () => void {
  const limitMs = Number(env['WATCHDOG_USEC'] ?? 0) / 1000;
  if (!(limitMs > 0)) return () => undefined;
  net.notify('WATCHDOG=1');
  const timer = setInterval(() => net.notify('WATCHDOG=1'), limitMs * share);
  return () => clearInterval(timer);
}
