// TCP for BGP, over the net addon and Node's sockets. Runs in the bgp worker.
//
// The addon is loaded at the first call, so that a document without BGP peers needs none.

import { loadNetAddon } from '../net.ts';
import { type DialAddon, dial } from './tcp-dial.ts';
import { listen } from './tcp-listener.ts';
import type { Transport } from './transport.ts';

/** `addon` may throw: then no call succeeds, and each says why. */
export function makeTcpTransport(addon: () => DialAddon): Transport {
  return {
    dial: (target, handlers) => dial(addon, target, handlers),
    listen: async (target, handlers) => listen(addon(), target, handlers),
  };
}

export const tcpTransport: Transport = makeTcpTransport(loadNetAddon);
