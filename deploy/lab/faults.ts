// Faults of the network, and their ends. Three that look alike to a user are three different things to a router:
// a killed process closes its TCP sessions, a link that goes down tells its own end only, and silent loss tells nobody.
// (Killing processes is the nodes' own: LabBalancer.kill, LabBackend.killProxy.)

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { ToriiError } from '../../src/errors.ts';
import { defaultRoutes, ipBatch } from './network.ts';
import { nativeProgram } from './programs.ts';
import { run, tryRun } from './shell.ts';
import type { LabNode, Topology } from './topology.ts';

/** The node's own link goes down; the router's port keeps its carrier, because the switch lies between. */
export async function linkDown(node: LabNode): Promise<void> {
  await run(['ip', '-n', node.namespace, 'link', 'set', 'eth0', 'down']);
}

/** Everything to and from the node disappears in the switch, without any sign. */
export async function silentLoss(topology: Topology, node: LabNode): Promise<void> {
  // Dropped at the switch port and not inside the node, where a packet socket would still see what arrives.
  const chain = (hook: string) =>
    `  chain ${hook} {\n    type filter hook ${hook} device "${node.port}" priority 0; policy drop;\n  }\n`;
  const ruleset = `table netdev ${lossTable(node)} {\n${chain('ingress')}${chain('egress')}}\n`;
  await run(['nft', '-f', '-'], { namespace: topology.namespaces.switch, input: ruleset });
}

/** Ends linkDown and silentLoss; harmless when there is no fault. Setting a link up again needs its route again. */
export async function heal(topology: Topology, node: LabNode): Promise<void> {
  await tryRun(['nft', 'delete', 'table', 'netdev', lossTable(node)], { namespace: topology.namespaces.switch });
  await ipBatch(['link set eth0 up', ...defaultRoutes(topology.router[node.segment])], node.namespace);
}

/** One packet worker stands still, as a bug or a dead core would make it, until the returned function is called. */
export async function stuckWorker(pid: number): Promise<() => Promise<void>> {
  const tid = readdirSync(`/proc/${pid}/task`).find((each) =>
    readFileSync(`/proc/${pid}/task/${each}/comm`, 'utf8').startsWith('torii-worker-'),
  );
  if (tid === undefined) throw new ToriiError('internal', `process ${pid} has no packet worker`);
  const frozen = spawn(nativeProgram('freeze'), [tid], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(frozen, 'exit');
  const said = await Promise.race([once(frozen.stdout, 'data'), ended.then(() => undefined)]);
  if (said === undefined) throw new ToriiError('internal', `thread ${tid} could not be stopped`);
  return async () => {
    frozen.stdin.end();
    await ended;
  };
}

function lossTable(node: LabNode): string {
  return `loss_${node.port}`;
}
