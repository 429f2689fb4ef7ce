// BIRD 2 as the lab's edge router: passive unless its plan says otherwise, multipath into the kernel.
//
// BIRD puts itself into the background once its configuration is read, so its exit status is the answer to "did it
// start".

import { rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ToriiError } from '../../../src/errors.ts';
import { endAll, isAlive, recordPidFile, signal } from '../processes.ts';
import { run, tryRun } from '../shell.ts';
import { birdConfig, birdProtocol } from './bird-config.ts';
import { flapsIn } from './bird-log.ts';
import { parseBfd, parseProtocols, parseRoutes } from './bird-text.ts';
import { flushRoutes } from './kernel-routes.ts';
import { familyOf, type Router, type RouterParams } from './router.ts';

export function birdRouter({ topology, ledger, plan }: RouterParams): Router {
  const { directory, namespaces } = topology;
  const paths = {
    config: join(directory, 'bird.conf'),
    control: join(directory, 'bird.ctl'),
    pid: join(directory, 'bird.pid'),
    log: join(directory, 'bird.log'),
  };
  const own = () => ledger.processes().filter(({ id }) => id === 'bird');
  const birdc = (...words: readonly string[]) => ['birdc', '-s', paths.control, ...words];
  const protocolOf = (address: string) => {
    const index = plan.peers?.findIndex((peer) => peer.address === address) ?? -1;
    if (index < 0) throw new ToriiError('internal', `${address} is no configured neighbour of the router`);
    return birdProtocol(index);
  };
  return {
    kind: 'bird',
    plan,
    async start() {
      rmSync(paths.pid, { force: true });
      writeFileSync(paths.config, birdConfig(topology, plan, paths.log));
      await run(['bird', '-c', paths.config, '-s', paths.control, '-P', paths.pid], { namespace: namespaces.router });
      await recordPidFile(ledger, 'bird', paths.pid);
    },
    async stop() {
      await endAll(own(), 2_000);
      await flushRoutes(namespaces.router);
    },
    signal(name) {
      for (const process of own()) signal(process, name);
    },
    async state() {
      const text = (await tryRun(birdc('show', 'protocols', 'all'))) ?? '';
      return { kind: 'bird', running: own().some(isAlive), neighbours: parseProtocols(text) };
    },
    async routes(prefix) {
      return parseRoutes(await run(birdc('show', 'route', prefix, 'all', 'table', `master${familyOf(prefix)}`)));
    },
    async bfd() {
      return parseBfd((await tryRun(birdc('show', 'bfd', 'sessions'))) ?? '');
    },
    async flaps() {
      const neighbours = plan.peers?.map(({ address }, i) => ({ address, protocol: birdProtocol(i) })) ?? [];
      return flapsIn(await readFile(paths.log, 'utf8'), neighbours);
    },
    async shutDown(address, text) {
      await run(birdc('disable', protocolOf(address), JSON.stringify(text)));
    },
    async enable(address) {
      await run(birdc('enable', protocolOf(address)));
    },
  };
}
