// Follows next hops in the namespace it is run in and tells its parent every change; ends when the parent is gone.
//
//     node neighbours-node.js DEVICES ADDRESSES [REPROBE-MS]        each a list with commas

import { Neighbours } from '../../../src/dataplane/neighbours.ts';
import { loadNetAddon } from '../../../src/net.ts';

const [devices = '', addresses = '', reprobeMs = '15000'] = process.argv.slice(2);
const neighbours = new Neighbours({
  net: loadNetAddon(),
  devices: devices.split(','),
  reprobeMs: Number(reprobeMs),
  onChanged: (changes) => process.send?.(changes),
  onError: (error) => {
    throw error;
  },
});
neighbours.follow(addresses.split(','));
process.on('disconnect', () => neighbours.close());
