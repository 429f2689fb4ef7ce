import type { Link } from '../../../src/net.ts';

/** A device as the kernel tells of it, up and on its own. */
export const eth0: Link = {
  name: 'eth0',
  ifindex: 2,
  mac: '02:00:00:00:00:02',
  mtuBytes: 1500,
  isUp: true,
  kind: '',
  master: 0,
  lower: 0,
};
