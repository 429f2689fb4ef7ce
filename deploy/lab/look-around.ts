// What to type in a lab that is up. Pure but for paths.

import { join } from 'node:path';
import type { Lab } from './lab.ts';
import { builtFile } from './programs.ts';
import { frrSpace } from './routers/frr.ts';

/** Commands to look around with, ready to be pasted. */
export function lookAround(lab: Lab): string {
  const { topology, balancers } = lab;
  const { client, router } = topology.namespaces;
  const torii = `node ${builtFile('src/main.js')}`;
  const cli = `node ${builtFile('deploy/lab/cli.js')}`;
  const inside = (namespace: string) => `nsenter --net=/run/netns/${namespace}`;
  const { acme } = topology.vips;
  const [first] = balancers;
  const name = topology.options.name;
  const seeRouter = {
    bird: `birdc -s ${join(topology.directory, 'bird.ctl')} show protocols`,
    frr: `vtysh -N ${frrSpace(topology)} -c 'show bgp summary'`,
    gobgp: `${inside(router)} gobgp neighbor`,
  }[lab.router.kind];
  return [
    `Lab ${name} is up. Try:`,
    `  ${inside(client)} curl -sw '\\n' http://${acme.address}/    # a request, with what the backend saw`,
    `  ${inside(router)} ip route show ${acme.address}    # the router's next hops`,
    `  ${seeRouter}`,
    ...(first === undefined ? [] : [`  ${torii} status --api ${first.socket}`, `  ${torii} backends --api ${first.socket}`]),
    `  ${cli} status --name ${name}`,
    `Documents and logs are in ${topology.directory}. Take it down with:`,
    `  ${cli} down --name ${name}`,
  ].join('\n');
}
