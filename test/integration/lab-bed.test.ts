// The lab itself: that it builds, notices, and above all goes away again.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Lab, remains, tearDown } from '../../deploy/lab/lab.ts';
import { builtFile } from '../../deploy/lab/programs.ts';
import { run } from '../../deploy/lab/shell.ts';
import { type RouterKind, routerKinds } from '../../deploy/lab/topology.ts';

interface Link {
  readonly ifname: string;
  readonly mtu: number;
}

const isRoot = process.getuid?.() === 0;
const name = 'torii-test-bed';

/** Builds a lab in a process of its own and says "up" on standard output. */
const builder = `
  import { Lab } from ${JSON.stringify(builtFile('deploy/lab/lab.js'))};
  const lab = await Lab.build({ name: '${name}', router: process.argv[1] });
  await Promise.all(lab.backends.map((backend) => backend.startService()));
  console.log('up');
  setInterval(() => {}, 1000);
`;

async function buildElsewhere(router: RouterKind): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', builder, router], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  expect(said.toString().trim()).toBe('up');
  return child;
}

describe.skipIf(!isRoot)('a lab', () => {
  afterEach(async () => tearDown(name));
  afterAll(() => expect(remains(name)).toEqual([]));

  it.each<[RouterKind]>(routerKinds.map((kind) => [kind]))(
    'with %s leaves nothing behind when its builder was killed',
    async (router) => {
      const builderProcess = await buildElsewhere(router);
      expect(remains(name).filter((what) => what.startsWith('process')).length).toBeGreaterThanOrEqual(7);
      builderProcess.kill('SIGKILL');
      await once(builderProcess, 'close');
      await tearDown(name);
      expect(remains(name)).toEqual([]);
    },
  );

  it('is refused to a second builder while the first one lives, and free once that is dead', async () => {
    const builderProcess = await buildElsewhere('bird');
    await expect(Lab.build({ name })).rejects.toMatchObject({ code: 'address_in_use' });
    builderProcess.kill('SIGKILL');
    await once(builderProcess, 'close');
    const lab = await Lab.build({ name });
    expect((await lab.router.state()).running).toBe(true);
  });

  it('can be opened and taken down by a process that did not build it', async () => {
    const lab = await Lab.build({ name, balancers: 3, backends: 1 });
    lab.disown();
    expect(Lab.open(name)?.topology).toEqual(lab.topology);
    await Lab.open(name)?.down();
    expect(remains(name)).toEqual([]);
    expect(Lab.open(name)).toBeUndefined();
  });

  it('gives its router ECMP on the packet’s ports and its fabric room for an outer header', async () => {
    const { topology } = await Lab.build({ name });
    const namespace = topology.namespaces.router;
    const read = async (key: string) => Number((await run(['sysctl', '-n', key], { namespace })).trim());
    for (const family of ['ipv4', 'ipv6']) {
      expect(await read(`net.${family}.fib_multipath_hash_policy`)).toBe(3);
      expect(await read(`net.${family}.fib_multipath_hash_fields`)).toBe(0x37);
    }
    const nodes = [...topology.balancers, ...topology.backends].map((node) => node.namespace);
    for (const place of [topology.namespaces.switch, ...nodes]) {
      const links = JSON.parse(await run(['ip', '-j', 'link', 'show'], { namespace: place })) as readonly Link[];
      const narrow = links.filter(({ ifname, mtu }) => ifname !== 'lo' && mtu < 1520);
      expect(narrow, place).toEqual([]);
    }
  });
});
