// `torii-lab`: a lab to play in. `node dist/deploy/lab/cli.js up|down|status [--name NAME] …`; `up` leaves everything
// running and says how to look around, `down` takes it away again, also after a crash.

import { parseArgs } from 'node:util';
import { ToriiError } from '../../src/errors.ts';
import { failWith, labArguments, labArgumentsText, labOptions, replacedText } from './arguments.ts';
import { Lab, refuseIfInUse, remains, tearDown } from './lab.ts';
import { lookAround } from './look-around.ts';
import { preflight } from './preflight.ts';
import { defaultOptions, type LabOptions } from './topology.ts';

const usage = `usage: node dist/deploy/lab/cli.js up|down|status [options]

  up      build a lab, start everything, leave it running
  down    take it away again
  status  what runs, and what the router and the balancers see

${labArgumentsText(defaultOptions)}
  --offload         leave checksum and segmentation offload on before the balancers

example: node dist/deploy/lab/cli.js up --balancers 3 --router frr`;

async function up(options: LabOptions, offload: boolean): Promise<void> {
  preflight(options.router, `node ${process.argv.slice(1).join(' ')}`);
  const replaced = replacedText(options.name);
  if (replaced !== null) console.log(replaced);
  try {
    const lab = await Lab.up(options, { offload });
    lab.disown();
    console.log(lookAround(lab));
  } catch (error) {
    await tearDown(options.name);
    throw error;
  }
}

async function down(name: string): Promise<void> {
  refuseIfInUse(name);
  await tearDown(name);
}

async function status(name: string): Promise<void> {
  const left = remains(name);
  const lab = Lab.open(name);
  if (lab === undefined) {
    console.log(left.length === 0 ? `no lab ${name}` : `the remains of lab ${name}:\n${left.join('\n')}`);
    return;
  }
  const { running, neighbours } = await lab.router.state();
  console.log(`router   ${lab.router.kind} ${running ? 'runs' : 'does not run'}`);
  for (const { address, state } of neighbours) console.log(`  session with ${address}: ${state}`);
  for (const vip of Object.values(lab.topology.vips)) {
    console.log(`vip      ${vip.address}:${vip.port} (${vip.tenant}) via ${(await lab.nextHops(vip)).join(', ') || 'nobody'}`);
  }
  for (const node of lab.balancers)
    console.log(`balancer ${node.id} ${node.node.address} ${node.isAlive() ? 'runs' : 'is dead'}`);
  for (const node of lab.backends)
    console.log(`backend  ${node.id} ${node.node.address} ${node.isServing() ? 'serves' : 'is dead'}`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { ...labArguments, offload: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  const [verb] = positionals;
  const options = labOptions(values);
  if (values.help === true) console.log(usage);
  else if (verb === 'up') await up(options, values.offload === true);
  else if (verb === 'down') await down(options.name);
  else if (verb === 'status') await status(options.name);
  else throw new ToriiError('usage', usage);
}

await main().catch((error: unknown) => failWith('torii-lab', error));
