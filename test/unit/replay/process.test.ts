// `torii replay` as an operator runs it: the built program, files, exit codes, standard output and error.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { pcapFile, readNanoPcap } from '../../support/captures.ts';
import { tcpFrame } from '../../support/packets.ts';
import { useDirectory, webDocument } from './support.ts';

const program = fileURLToPath(new URL('../../../dist/src/main.js', import.meta.url));
const at = useDirectory();
const startNs = 1_700_000_000_000_000_000n;
const packets = Array.from({ length: 2000 }, (_, i) => ({
  bytes: tcpFrame({ from: `198.51.100.7:${10_000 + i}`, to: '203.0.113.10:80', flags: 'S' }),
  timeNs: startNs + BigInt(i) * 1_000_000n,
}));
const whole = pcapFile(packets);

function torii(...args: readonly string[]) {
  return toriiReading(undefined, ...args);
}

function toriiReading(input: Uint8Array | undefined, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'replay', ...args], {
    encoding: 'utf8',
    ...(input && { input }),
    maxBuffer: 64 * 1024 * 1024,
  });
  return { exit: status, out: stdout, err: stderr };
}

beforeEach(() => {
  writeFileSync(at('in.pcap'), whole);
  writeFileSync(at('torii.yaml'), JSON.stringify(webDocument));
});

describe('the program', { timeout: 30_000 }, () => {
  it('replays a capture to the same bytes each time, with lines and without', () => {
    const options = ['--config', at('torii.yaml'), '--reload', `1.5:${at('torii.yaml')}`, '--down', '10.0.2.22', '--mtu', '9000'];
    const first = torii(at('in.pcap'), at('a.pcap'), ...options, '--json');
    const second = torii(at('in.pcap'), at('b.pcap'), ...options, '--json');
    const silent = torii(at('in.pcap'), at('c.pcap'), ...options);
    expect(first).toMatchObject({ exit: 0, out: second.out });
    expect(first.out.split('\n').length).toBe(packets.length + 1);
    expect(
      new Set(
        first.out
          .trim()
          .split('\n')
          .map((line) => (JSON.parse(line) as { backend: string }).backend),
      ),
    ).toEqual(new Set(['10.0.2.21']));
    expect(silent).toEqual({ exit: 0, out: '', err: first.err });
    expect(first.err).toMatch(/^packets +2000\n(.*\n)*forward +2000\n(.*\n)*reloads +1\n$/);
    const [a, b, c] = ['a.pcap', 'b.pcap', 'c.pcap'].map((name) => readFileSync(at(name)));
    expect(a?.equals(b ?? a.subarray(1))).toBe(true);
    expect(a?.equals(c ?? a.subarray(1))).toBe(true);
    expect(readNanoPcap(a ?? new Uint8Array(0)).length).toBe(packets.length);
  });

  it('writes the whole of OUT although the reader of its lines leaves early', () => {
    const many = pcapFile(
      Array.from({ length: 20 }, (_, i) => packets.map((each) => ({ ...each, timeNs: each.timeNs + BigInt(i) }))).flat(),
    );
    writeFileSync(at('in.pcap'), many);
    const command = '"$0" "$1" replay "$2" "$3" --config "$4" --json | head -n 1';
    const { stdout } = spawnSync(
      'sh',
      ['-c', command, process.execPath, program, at('in.pcap'), at('out.pcap'), at('torii.yaml')],
      {
        encoding: 'utf8',
      },
    );
    expect(stdout).toContain('{"packet":1,');
    expect(readNanoPcap(readFileSync(at('out.pcap'))).length).toBe(20 * packets.length);
  });

  it('takes a capture from standard input', () => {
    const file = torii(at('in.pcap'), at('a.pcap'), '--config', at('torii.yaml'), '--json');
    const piped = toriiReading(whole, '-', at('b.pcap'), '--config', at('torii.yaml'), '--json');
    expect(piped).toEqual(file);
    expect(readFileSync(at('b.pcap'))).toEqual(readFileSync(at('a.pcap')));
    const broken = toriiReading(whole.subarray(0, 3), '-', at('b.pcap'), '--config', at('torii.yaml'));
    expect(broken).toMatchObject({ exit: 1 });
    expect(broken.err).toContain('standard input');
  });

  it('writes to standard output, unless its lines go there', () => {
    torii(at('in.pcap'), at('a.pcap'), '--config', at('torii.yaml'));
    const command = '"$0" "$1" replay "$2" - --config "$4" | cat > "$3"';
    spawnSync('sh', ['-c', command, process.execPath, program, at('in.pcap'), at('b.pcap'), at('torii.yaml')]);
    expect(readFileSync(at('b.pcap'))).toEqual(readFileSync(at('a.pcap')));
    const both = torii(at('in.pcap'), '-', '--config', at('torii.yaml'), '--json');
    expect([both.exit, both.out]).toEqual([64, '']);
  });

  it('waits for a pipe that does not make it wait', () => {
    // dd leaves the pipe's end as it opened it for itself: not waiting. The rest comes once the first packets were judged.
    const command = `{ head -c 1000 "$2"; while [ ! -e "$3" ]; do sleep 0.05; done; tail -c +1001 "$2"; } |
      { dd iflag=nonblock count=0 status=none; exec "$0" "$1" replay - "$3" --config "$4"; }`;
    const words = ['-c', command, process.execPath, program, at('in.pcap'), at('out.pcap'), at('torii.yaml')];
    const { status, stderr } = spawnSync('sh', words, { encoding: 'utf8' });
    expect(stderr).toMatch(/^packets +2000\n/);
    expect(status).toBe(0);
    expect(readNanoPcap(readFileSync(at('out.pcap'))).length).toBe(packets.length);
  });

  it('ends with 1 behind a capture that is cut off, all before it written', () => {
    writeFileSync(at('in.pcap'), whole.subarray(0, -1));
    const { exit, out, err } = torii(at('in.pcap'), at('out.pcap'), '--config', at('torii.yaml'), '--json');
    expect(exit).toBe(1);
    expect(out.split('\n').length).toBe(packets.length);
    expect(err).toMatch(/packets +1999\n(.*\n)*torii: .*in\.pcap is cut off: it ends in the middle of packet 2000/);
    expect(readNanoPcap(readFileSync(at('out.pcap'))).length).toBe(1999);
  });

  it('ends with 2 and writes nothing when a document is bad, even one that would come late', () => {
    writeFileSync(at('bad.yaml'), 'version: 1\ncolour: red\n');
    const args = [at('in.pcap'), at('out.pcap'), '--config', at('torii.yaml')];
    const { exit, out, err } = torii(...args, '--reload', `99999:${at('bad.yaml')}`, '--json');
    expect([exit, out]).toEqual([2, '']);
    expect(err).toContain(`${at('bad.yaml')}:2`);
    expect(existsSync(at('out.pcap'))).toBe(false);
  });

  it('ends with 64 and an explanation for a command line that it does not understand', () => {
    const args = [at('in.pcap'), at('out.pcap'), '--config', at('torii.yaml')];
    const cases: readonly (readonly [readonly string[], string])[] = [
      [[at('in.pcap'), '--config', at('torii.yaml')], "missing required argument 'out'"],
      [[at('in.pcap'), at('out.pcap')], "required option '--config <file>' not specified"],
      [[...args, '--reload', 'new.yaml'], '--reload: expected SECONDS:FILE like 12.5:new.yaml, got new.yaml'],
      [[...args, '--reload', '-1:new.yaml'], '--reload: expected SECONDS:FILE'],
      [[...args, '--down', 'web/10.0.2.21'], '--down: expected the address of a backend, got web/10.0.2.21'],
      [[...args, '--mtu', '20'], '--mtu: expected 68 to 65535, got 20'],
    ];
    for (const [words, expected] of cases) {
      const { exit, out, err } = torii(...words);
      expect([exit, out], expected).toEqual([64, '']);
      expect(err).toContain(expected);
    }
    expect(existsSync(at('out.pcap'))).toBe(false);
  });
});
