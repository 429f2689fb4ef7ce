// GoBGP as the lab's edge router: a strict peer on the wire, with a mirror of its routes into the kernel beside it
// (gobgp-mirror.ts). It knows no BFD.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ToriiError } from '../../../src/errors.ts';
import { endAll, isAlive, logFile, logTail, signal, startProgram } from '../processes.ts';
import { builtFile } from '../programs.ts';
import { run, tryRun } from '../shell.ts';
import { until } from '../until.ts';
import { gobgpConfig } from './gobgp-config.ts';
import { isOwn, parseFlops, parseNeighbours, parseRib, routeOf } from './gobgp-json.ts';
import { flushRoutes } from './kernel-routes.ts';
import { familyOf, type Router, type RouterParams } from './router.ts';

/** In the router namespace; labs do not meet there. */
const api = '127.0.0.1:50051';
const readyMs = 45_000;

export function gobgpRouter({ topology, ledger, plan }: RouterParams): Router {
  const namespace = topology.namespaces.router;
  const config = join(topology.directory, 'gobgp.json');
  const daemons = () => ledger.processes().filter(({ id }) => id === 'gobgpd');
  const mirrors = () => ledger.processes().filter(({ id }) => id === 'gobgp-mirror');
  const gobgp = (...words: readonly string[]) => ['gobgp', '-j', ...words];
  return {
    kind: 'gobgp',
    plan,
    async start() {
      writeFileSync(config, JSON.stringify(gobgpConfig(topology, plan)));
      const argv = ['gobgpd', '-t', 'json', '-f', config, '--pprof-disable', '--api-hosts', api];
      const daemon = await startProgram(ledger, { id: 'gobgpd', namespace, argv });
      const isReady = async () => !isAlive(daemon) || (await tryRun(gobgp('neighbor'), { namespace })) !== undefined;
      await until(isReady, { what: 'gobgpd to answer', timeoutMs: readyMs });
      if (!isAlive(daemon)) throw new ToriiError('internal', `gobgpd ended:\n${logTail(ledger, 'gobgpd')}`);
      rmSync(logFile(ledger, 'gobgp-mirror'), { force: true });
      const mirror = [process.execPath, builtFile('deploy/lab/routers/gobgp-mirror.js')];
      await startProgram(ledger, { id: 'gobgp-mirror', namespace, argv: mirror });
      const isMirrored = () => logTail(ledger, 'gobgp-mirror').includes('ready');
      await until(isMirrored, { what: 'the mirror of GoBGP’s routes', timeoutMs: readyMs });
    },
    async stop() {
      await endAll([...mirrors(), ...daemons()], 2_000);
      await flushRoutes(namespace);
    },
    signal(name) {
      for (const process of daemons()) signal(process, name);
    },
    async state() {
      const text = (await tryRun(gobgp('neighbor'), { namespace, timeoutMs: 5_000 })) ?? '[]';
      return {
        kind: 'gobgp',
        running: [daemons, mirrors].every((all) => all().some(isAlive)),
        neighbours: parseNeighbours(text),
      };
    },
    async routes(prefix) {
      const text = await tryRun(gobgp('global', 'rib', prefix, '-a', `ipv${familyOf(prefix)}`), { namespace });
      return Object.values(parseRib(text ?? ''))
        .flat()
        .map(routeOf)
        .filter(({ nextHop }) => !isOwn(nextHop));
    },
    async bfd() {
      return [];
    },
    async flaps() {
      return parseFlops(await run(gobgp('neighbor'), { namespace }));
    },
    async shutDown(address, text) {
      // One says why but takes the next call, the other refuses calls but says nothing.
      await run(['gobgp', 'neighbor', address, 'shutdown', '--reason', text], { namespace });
      await run(['gobgp', 'neighbor', address, 'disable'], { namespace });
    },
    async enable(address) {
      await run(['gobgp', 'neighbor', address, 'enable'], { namespace });
    },
  };
}
