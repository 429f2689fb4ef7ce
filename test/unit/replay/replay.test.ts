// `torii replay` in this process: captures and documents on disk, what is printed and written.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { resolveAssumed } from '../../../src/control/assumed.ts';
import { loadDocument } from '../../../src/control/documents.ts';
import { type Frame, MemoryEngine } from '../../../src/dataplane/memory-engine.ts';
import type { ReplayOptions } from '../../../src/replay/options.ts';
import { PcapWriter } from '../../../src/replay/pcap-writer.ts';
import { Replay } from '../../../src/replay/replay.ts';
import { runReplay } from '../../../src/replay/run.ts';
import { Pcapng, pcapFile, type Recorded, readNanoPcap } from '../../support/captures.ts';
import { bytes } from '../../support/ip-packets.ts';
import { icmpFrame, nextHopMac, nodeMac, routerMac, tcpFrame, udpFrame } from '../../support/packets.ts';
import { Random } from '../../support/random.ts';
import { FrameSource } from '../../support/random-packets.ts';
import { useDirectory, webDocument } from './support.ts';

const at = useDirectory();
const startNs = 1_700_000_000_000_000_000n;
const ms = (value: number): bigint => startNs + BigInt(value) * 1_000_000n;
const vip = '203.0.113.10:80';
const client = (number: number): string => `198.51.100.${1 + (number % 250)}:${40_000 + number}`;
const syn = (number: number): Uint8Array => tcpFrame({ from: client(number), to: vip, flags: 'S' });
const ack = (number: number): Uint8Array => tcpFrame({ from: client(number), to: vip });

type Told = Pick<Line, 'verdict' | 'reason' | 'vip' | 'tenant' | 'backend' | 'flow'>;

interface Line {
  readonly packet: number;
  readonly timeSec: number;
  readonly verdict: string;
  readonly reason: string | null;
  readonly vip: string | null;
  readonly tenant: string | null;
  readonly backend: string | null;
  readonly flow: string;
  readonly out: readonly number[];
}

interface Ran {
  readonly text: string;
  readonly lines: readonly Line[];
  readonly summary: string;
  readonly out: readonly Recorded[];
}

/** Documents are given by file name; `in.pcap` is written from `packets` unless it is there already. */
async function replay(
  packets: readonly Recorded[] | Uint8Array,
  options: Partial<ReplayOptions> = {},
  documents: object = {},
): Promise<Ran> {
  writeFileSync(at('in.pcap'), packets instanceof Uint8Array ? packets : pcapFile(packets));
  for (const [name, document] of Object.entries({ 'torii.yaml': webDocument, ...documents })) {
    writeFileSync(at(name), JSON.stringify(document));
  }
  let text = '';
  let summary = '';
  await runReplay(
    {
      input: at('in.pcap'),
      output: at('out.pcap'),
      config: at('torii.yaml'),
      reloads: [],
      down: [],
      mtuBytes: 1500,
      isJson: true,
      ...options,
    },
    { out: (more) => void (text += more), err: (more) => void (summary += more), drained: async () => {} },
  );
  const lines = text.split('\n').slice(0, -1);
  return { text, lines: lines.map((line) => JSON.parse(line) as Line), summary, out: readNanoPcap(readFileSync(at('out.pcap'))) };
}

const counted = (summary: string, name: string): number => Number(new RegExp(`^ *${name}  +([\\d.]+)$`, 'm').exec(summary)?.[1]);

const forwarded = { verdict: 'forward', reason: null, vip: null, tenant: null, backend: '10.0.2.21', flow: 'new' } as const;
const rst = tcpFrame({ from: client(9), to: vip, flags: 'R' });
const echo = icmpFrame({ from: '198.51.100.7', to: '203.0.113.10', type: 8, rest: Uint8Array.of(0, 1, 0, 2) });
const foreign = udpFrame({ from: '198.51.100.7:1', to: '203.0.113.99:53' });
const noPort = tcpFrame({ from: client(9), to: '203.0.113.10:81', flags: 'S' });
const sip = udpFrame({ from: client(9), to: '203.0.113.10:5003' });

describe('a replayed packet', { timeout: 30_000 }, () => {
  it('is told in one line with exactly these keys in this order', async () => {
    const { text } = await replay(
      [{ bytes: syn(1), timeNs: ms(0) }],
      {},
      { 'torii.yaml': { ...webDocument, pools: { web: { backends: [{ address: '10.0.2.21' }] } } } },
    );
    expect(text).toBe(
      '{"packet":1,"timeSec":0.0,"verdict":"forward","reason":null,"vip":"203.0.113.10:80/tcp","tenant":"acme","backend":"10.0.2.21","flow":"new","out":[1]}\n',
    );
  });

  it('is judged at its own time and told by verdict, reason, VIP, flow and what it caused', async () => {
    const frames = [syn(1), foreign, ack(1), rst, echo, noPort, sip, ack(1)];
    const { lines, out, summary } = await replay(frames.map((frame, i) => ({ bytes: frame, timeNs: ms(i * 100) })));
    const tcp = { vip: '203.0.113.10:80/tcp', tenant: 'acme', reason: null, verdict: 'forward' };
    const nobody = { vip: null, tenant: null, backend: null, flow: 'none' };
    expect(lines).toMatchObject([
      { packet: 1, timeSec: 0, ...tcp, flow: 'new', out: [1] },
      { packet: 2, timeSec: 0.1, verdict: 'pass', reason: null, ...nobody, out: [] },
      { packet: 3, timeSec: 0.2, ...tcp, flow: 'known', out: [2] },
      { packet: 4, timeSec: 0.3, ...tcp, flow: 'none', out: [3] },
      { packet: 5, timeSec: 0.4, verdict: 'answer', reason: 'echo', backend: null, flow: 'none', out: [4] },
      { packet: 6, timeSec: 0.5, verdict: 'drop', reason: 'no_vip_port', backend: null, flow: 'none', out: [] },
      { packet: 7, timeSec: 0.6, verdict: 'forward', vip: '203.0.113.10:5000-5010/udp', flow: 'new', out: [5] },
      { packet: 8, timeSec: 0.7, ...tcp, flow: 'known', out: [6] },
    ]);
    expect(lines[2]?.backend).toBe(lines[0]?.backend);
    expect(out.map(({ timeNs }) => timeNs)).toEqual([ms(0), ms(200), ms(300), ms(400), ms(600), ms(700)]);
    expect(
      ['packets', 'forward', 'pass', 'answer', 'echo', 'drop', 'no_vip_port', 'packets out', 'new flows'].map((name) =>
        counted(summary, name),
      ),
    ).toEqual([8, 5, 1, 1, 1, 1, 1, 6, 2]);
    expect(['untracked', 'evicted', 'resteered', 'seconds'].map((name) => counted(summary, name))).toEqual([0, 0, 0, 0.7]);
  });

  it('leaves from the node’s MAC to the next hop’s, an answer back to where it came from', async () => {
    const { out } = await replay([syn(1), echo].map((frame) => ({ bytes: frame, timeNs: ms(0) })));
    const macs = out.map(({ bytes: frame }) => Buffer.from(frame.subarray(0, 12)).toString('hex'));
    const hex = (mac: string): string => mac.replaceAll(':', '');
    expect(macs).toEqual([hex(nextHopMac) + hex(nodeMac), hex(routerMac) + hex(nodeMac)]);
  });

  it('counts as the latest so far when its time goes back', async () => {
    const stamps = [ms(0), ms(500), ms(200), startNs - 5n, ms(600)];
    const { lines, out } = await replay(stamps.map((timeNs) => ({ bytes: ack(1), timeNs })));
    expect(lines.map(({ timeSec }) => timeSec)).toEqual([0, 0.5, 0.5, 0.5, 0.6]);
    expect(out.map(({ timeNs }) => timeNs)).toEqual([ms(0), ms(500), ms(500), ms(500), ms(600)]);
  });

  it('is judged as the bytes there are when only a part was captured, and the summary says of how many', async () => {
    const whole = udpFrame({ from: client(1), to: '203.0.113.10:5000', payload: new Uint8Array(500) });
    const { lines, summary } = await replay(
      [whole, whole.subarray(0, 60), whole.subarray(0, 20), new Uint8Array(0)].map((frame) => ({
        bytes: frame,
        timeNs: ms(0),
        originalBytes: whole.length,
      })),
    );
    expect(lines.map(({ verdict, reason }) => reason ?? verdict)).toEqual(['forward', 'malformed', 'pass', 'pass']);
    expect(counted(summary, 'captured in part')).toBe(3);
    expect((await replay([{ bytes: whole, timeNs: ms(0) }])).summary).not.toContain('captured in part');
  });

  it('may cause several packets, each with its number', () => {
    const engine = new MemoryEngine({ flowEntries: 1024 });
    const writer = new PcapWriter(at('out.pcap'));
    let text = '';
    const fragmenting = {
      counters: engine.counters,
      load: () => undefined,
      rest: () => undefined,
      run: (frames: readonly Frame[]) => frames.map((each) => ({ ...forwarded, out: [each.bytes, each.bytes.subarray(0, 40)] })),
    };
    const run = new Replay({ engine: fragmenting, later: [], writer, print: (lines) => void (text += lines) });
    for (const timeNs of [ms(0), ms(1)]) run.add({ bytes: syn(1), timeNs });
    run.finish();
    writer.close();
    engine.close();
    expect([...text.matchAll(/"out":(\[.*\])/g)].map(([, out]) => out)).toEqual(['[1,2]', '[3,4]']);
    expect(readNanoPcap(readFileSync(at('out.pcap'))).map(({ timeNs }) => timeNs)).toEqual([ms(0), ms(0), ms(1), ms(1)]);
  });

  it('may come from a pcapng', async () => {
    const ng = new Pcapng('big');
    const file = bytes(
      ng.section(),
      ng.interface([ng.resolution(9)]),
      ng.enhanced(0, ms(0), syn(1)),
      ng.simple(ack(1).length, ack(1)),
      ng.enhanced(0, ms(9), ack(1)),
    );
    const { lines, out } = await replay(file);
    expect(lines.map(({ timeSec, flow }) => [timeSec, flow])).toEqual([
      [0, 'new'],
      [0, 'known'],
      [0.009, 'known'],
    ]);
    expect(out.map(({ timeNs }) => timeNs)).toEqual([ms(0), ms(0), ms(9)]);
  });

  it('meets timeouts and plans on the capture’s clock', async () => {
    const plan = {
      ...webDocument,
      plans: { small: { cps: 10, burst: 2 } },
      tenants: [{ ...webDocument.tenants[0], plan: 'small' }],
    };
    const stamps = [0, 0, 0, 100, 150, 20_000];
    const { lines, summary } = await replay(
      stamps.map((time, i) => ({ bytes: i === 5 ? ack(0) : syn(i), timeNs: ms(time) })),
      {},
      { 'torii.yaml': plan },
    );
    expect(lines.map(({ reason, flow }) => reason ?? flow)).toEqual(['new', 'new', 'cps_limited', 'new', 'cps_limited', 'new']);
    expect(counted(summary, 'cps_limited')).toBe(2);
  });

  it('is the same whether judged alone or in a batch', async () => {
    for (const seed of [1, 2, 3]) {
      const random = new Random(seed);
      const source = new FrameSource(random);
      let timeNs = startNs;
      let isFirst = true;
      const packets = Array.from({ length: 1300 }, () => {
        if (isFirst) isFirst = false;
        else timeNs += BigInt(random.pick([0, 0, 1, 1000, 5_000_000_000])) * 1000n;
        const { frame, isPathError } = source.next();
        // A learned MTU counts for the packets of its own burst, too.
        return isPathError ? [] : [{ bytes: frame, timeNs }];
      }).flat();
      const { lines, out } = await replay(packets);
      const engine = new MemoryEngine({ flowEntries: 1_048_576 });
      const document = loadDocument('torii.yaml', JSON.stringify(webDocument), { env: {} });
      engine.load(resolveAssumed(document, 1, { down: new Set(), mtuBytes: 1500 }));
      const alone = packets.flatMap((packet) => engine.run([{ bytes: packet.bytes, timeNs: packet.timeNs - startNs }]));
      engine.close();
      const told = (outcome: Told): string =>
        [outcome.verdict, outcome.reason, outcome.vip, outcome.tenant, outcome.backend, outcome.flow].join(' ');
      expect(lines.map(told), `seed ${seed}`).toEqual(alone.map(told));
      const sent = (frames: readonly Uint8Array[]): string => Buffer.concat(frames).toString('hex');
      expect(sent(out.map((packet) => packet.bytes))).toBe(sent(alone.flatMap((outcome) => outcome.out)));
    }
  });
});

describe('documents of a replay', () => {
  const only = (address: string, more: object = {}) => ({
    ...webDocument,
    pools: { web: { backends: [{ address, ...more }], tableSize: 251 } },
  });

  it('are loaded at their time, before a packet of that very instant, with the flow table kept', async () => {
    const stamps = [0, 1000, 1499, 1500, 1501];
    const packets = stamps.map((time, i) => ({
      bytes: i === 1 ? syn(1) : i === 0 ? syn(0) : ack(i === 2 ? 0 : i),
      timeNs: ms(time),
    }));
    const documents = {
      'torii.yaml': only('10.0.2.21'),
      'second.yaml': {
        ...webDocument,
        pools: { web: { backends: [{ address: '10.0.2.21', state: 'draining' }, { address: '10.0.2.30' }], tableSize: 251 } },
      },
    };
    packets.push({ bytes: ack(0), timeNs: ms(1600) });
    const { lines, summary } = await replay(packets, { reloads: [{ atNs: 1_500_000_000n, file: at('second.yaml') }] }, documents);
    expect(lines.map(({ backend, flow }) => `${backend} ${flow}`)).toEqual([
      '10.0.2.21 new',
      '10.0.2.21 new',
      '10.0.2.21 known',
      '10.0.2.30 new',
      '10.0.2.30 new',
      '10.0.2.21 known',
    ]);
    expect(counted(summary, 'reloads')).toBe(1);
  });

  it('are loaded in order of time, and those of one instant in the order given', async () => {
    const reloads = [
      { atNs: 2_000_000_000n, file: at('c.yaml') },
      { atNs: 1_000_000_000n, file: at('a.yaml') },
      { atNs: 1_000_000_000n, file: at('b.yaml') },
      { atNs: 9_000_000_000n, file: at('a.yaml') },
    ];
    const documents = {
      'torii.yaml': only('10.0.2.1'),
      'a.yaml': only('10.0.2.2'),
      'b.yaml': only('10.0.2.3'),
      'c.yaml': only('10.0.2.4'),
    };
    const { lines, summary } = await replay(
      [0, 999, 1000, 1001, 2000].map((time) => ({ bytes: ack(1), timeNs: ms(time) })),
      { reloads },
      documents,
    );
    expect(lines.map(({ backend }) => backend)).toEqual(['10.0.2.1', '10.0.2.1', '10.0.2.3', '10.0.2.3', '10.0.2.4']);
    expect([counted(summary, 'reloads'), counted(summary, 'reloads after the last packet, not made')]).toEqual([3, 1]);
    expect(counted(summary, 'resteered')).toBe(2);
  });

  it('hold for the first packet when loaded at 0', async () => {
    const { lines } = await replay(
      [{ bytes: syn(1), timeNs: ms(0) }],
      { reloads: [{ atNs: 0n, file: at('b.yaml') }] },
      { 'b.yaml': only('10.0.2.77') },
    );
    expect(lines[0]?.backend).toBe('10.0.2.77');
  });

  it('give all traffic to other backends than those that are down, in reloaded ones, too', async () => {
    const packets = Array.from({ length: 40 }, (_, i) => ({ bytes: syn(i), timeNs: ms(i * 100) }));
    const options = { down: ['10.0.2.22'], reloads: [{ atNs: 2_000_000_000n, file: at('checked.yaml') }] };
    const pool = { ...webDocument.pools.web, healthCheck: { type: 'tcp', port: 80 } };
    const { lines } = await replay(packets, options, { 'checked.yaml': { ...webDocument, pools: { web: pool } } });
    expect(new Set(lines.map(({ backend }) => backend))).toEqual(new Set(['10.0.2.21']));
    const all = await replay(packets);
    expect(new Set(all.lines.map(({ backend }) => backend))).toEqual(new Set(['10.0.2.21', '10.0.2.22']));
  });

  it('drop what no backend is left for, unless they fail open', async () => {
    const packets = [{ bytes: syn(1), timeNs: ms(0) }];
    expect((await replay(packets, { down: ['10.0.2.21'] }, { 'torii.yaml': only('10.0.2.21') })).lines[0]).toMatchObject({
      verdict: 'drop',
      reason: 'no_backend',
      backend: null,
    });
    const open = { ...webDocument, pools: { web: { backends: [{ address: '10.0.2.21' }], onAllDown: 'failOpen' } } };
    expect((await replay(packets, { down: ['10.0.2.21'] }, { 'torii.yaml': open })).lines[0]).toMatchObject({
      verdict: 'forward',
    });
  });

  it('take the MTU that every next hop is said to have, but for backends with their own', async () => {
    const frame = udpFrame({
      from: client(1),
      to: '203.0.113.10:5000',
      payload: new Uint8Array(1000),
      ip: { dontFragment: true },
    });
    const packets = [{ bytes: frame, timeNs: ms(0) }];
    expect((await replay(packets, { mtuBytes: 1048 })).lines[0]?.verdict).toBe('forward');
    expect((await replay(packets, { mtuBytes: 1047 })).lines[0]?.verdict).not.toBe('forward');
    expect(
      (await replay(packets, { mtuBytes: 1047 }, { 'torii.yaml': only('10.0.2.21', { mtu: 1500 }) })).lines[0]?.verdict,
    ).toBe('forward');
  });

  it('are warned of when they would change the size of the table that is kept', async () => {
    const small = { ...webDocument, node: { ...webDocument.node, flowTable: { entries: 2048 } } };
    const { summary } = await replay(
      [{ bytes: syn(1), timeNs: ms(0) }],
      { reloads: [{ atNs: 1n, file: at('b.yaml') }] },
      { 'b.yaml': small },
    );
    expect(summary).toContain(`warning: ${at('b.yaml')}: node.flowTable.entries is not applied`);
  });
});

describe('a replay that cannot be', () => {
  const packets = [{ bytes: syn(1), timeNs: ms(0) }];
  const refused = async (options: Partial<ReplayOptions>, documents: object = {}) => {
    writeFileSync(at('out.pcap'), 'as it was');
    const error = await replay(packets, options, documents).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(readFileSync(at('out.pcap'), 'utf8')).toBe('as it was');
    return error;
  };

  it('leaves OUT as it was when any document is bad, saying where', async () => {
    expect(await refused({}, { 'torii.yaml': { ...webDocument, colour: 'red' } })).toMatchObject({
      code: 'config_invalid',
      exitCode: 2,
      message: expect.stringContaining(at('torii.yaml')),
    });
    const reloads = [{ atNs: 10n ** 18n, file: at('b.yaml') }];
    expect(await refused({ reloads }, { 'b.yaml': { version: 2 } })).toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(at('b.yaml')),
    });
    expect(await refused({ reloads: [{ atNs: 0n, file: at('absent.yaml') }] })).toMatchObject({
      code: 'config_unreadable',
      exitCode: 2,
    });
    expect(await refused({}, { 'torii.yaml': { ...webDocument, node: {} } })).toMatchObject({
      message: expect.stringContaining('node.address: expected an IPv4 address'),
    });
    const secret = { ...webDocument, cluster: { secret: { file: at('absent.key') } } };
    expect(await refused({}, { 'torii.yaml': secret })).toMatchObject({
      code: 'secret_unreadable',
      message: expect.stringContaining('cluster.secret'),
    });
  });

  it('leaves OUT as it was when a document is larger than the tables, by itself or after another', async () => {
    const timeouts = (from: number, count: number): object => {
      const vips = Array.from({ length: count }, (_, i) => ({
        address: `203.0.113.${10 + i}`,
        protocol: 'udp',
        pool: 'web',
        timeouts: { udpSec: from + i },
      }));
      return {
        ...webDocument,
        tenants: [
          { name: 'acme', vips },
          { name: 'beta', vips: vips.map(other) },
        ],
      };
    };
    const other = (vip: { readonly timeouts: { readonly udpSec: number } }): object => ({
      ...vip,
      protocol: 'tcp',
      timeouts: { tcpSec: 100_000 + vip.timeouts.udpSec },
    });
    const large = { code: 'config_invalid', exitCode: 2 };
    expect(await refused({}, { 'torii.yaml': timeouts(100, 200) })).toMatchObject(large);
    const reloads = [{ atNs: 10n ** 18n, file: at('b.yaml') }];
    expect(await refused({ reloads }, { 'b.yaml': timeouts(100, 200) })).toMatchObject(large);
  });

  it('names a backend that is down in no document', async () => {
    expect(await refused({ down: ['10.0.2.21', '10.0.2.99'] })).toMatchObject({
      code: 'not_found',
      message: '--down: expected the address of a backend of the document, got 10.0.2.99',
    });
    const elsewhere = { ...webDocument, pools: { web: { backends: [{ address: '10.0.2.99' }] } } };
    await replay(packets, { down: ['10.0.2.99'], reloads: [{ atNs: 1n, file: at('b.yaml') }] }, { 'b.yaml': elsewhere });
  });

  it('leaves OUT as it was when IN is absent, no capture, or OUT itself', async () => {
    expect(await refused({ input: at('absent.pcap') })).toMatchObject({ code: 'capture_invalid', exitCode: 1 });
    expect(await refused({ input: at('torii.yaml') })).toMatchObject({
      code: 'capture_invalid',
      message: expect.stringContaining('expected a pcap or pcapng'),
    });
    expect(await replay(packets, { output: at('in.pcap') }).catch((error: unknown) => error)).toMatchObject({ code: 'usage' });
    expect(readFileSync(at('in.pcap'))).toEqual(Buffer.from(pcapFile(packets)));
  });

  it('writes all that is before the place where a capture is cut off', async () => {
    const file = pcapFile([...packets, { bytes: ack(1), timeNs: ms(1) }, { bytes: ack(1), timeNs: ms(2) }]);
    const error = await replay(file.subarray(0, -1)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'capture_invalid', exitCode: 1, message: expect.stringContaining('cut off') });
    expect(readNanoPcap(readFileSync(at('out.pcap'))).map(({ timeNs }) => timeNs)).toEqual([ms(0), ms(1)]);
    await replay(file.subarray(0, 40)).catch(() => undefined);
    expect(readNanoPcap(readFileSync(at('out.pcap')))).toEqual([]);
    expect(existsSync(at('out.pcap'))).toBe(true);
  });
});
