import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import { plain, tcpVip, udp, vipAddress } from '../fixtures/common.ts';
import { checksum, isValid } from '../support/checksum.ts';
import { desiredOf } from '../support/desired.ts';
import { be16, bytes, ipPacket, protocols } from '../support/ip-packets.ts';
import { buildNative } from '../support/native-build.ts';
import { echoMessage, ethernetFrame } from '../support/packets.ts';

const all = 65_536;
const chunk = 4096;
const timeout = 60_000;
const [tosOffset, idOffset, checksumOffset] = [1, 4, 10];
const ethernetBytes = 14;
const outerEnd = ethernetBytes + 20;

/** Runs frame 0 … 65535 and gives what came out to `check`, which says what is wrong with it. */
function runAll(
  engine: MemoryEngine,
  frameOf: (number: number) => Uint8Array,
  check: (out: Uint8Array, number: number) => string | null,
): void {
  for (let first = 0; first < all; first += chunk) {
    const frames = Array.from({ length: chunk }, (_, i) => ({ bytes: frameOf(first + i), timeNs: 0n }));
    const problems = engine.run(frames).flatMap(({ out: [out], verdict }, i) => {
      const problem = out === undefined ? verdict : check(out, first + i);
      return problem === null ? [] : [`${first + i}: ${problem}`];
    });
    expect(problems).toEqual([]);
  }
}

const header = (frame: Uint8Array, from: number): Uint8Array => frame.subarray(from, from + 20);

describe('checksums', () => {
  beforeAll(() => buildNative('test-programs'), 120_000);

  it('fold and update as the plain reference does, over every partial sum', () => {
    const program = fileURLToPath(new URL('../../native/build/test/checksum', import.meta.url));
    expect(Number(execFileSync(program).toString())).toBe(all * 17 + all * 512);
  });

  it('of the outer header are right for every TOS and 256 lengths', { timeout }, () => {
    const engine = new MemoryEngine({ flowEntries: 1024 });
    engine.load(plain);
    const templates = Array.from({ length: 256 }, (_, length) => udp(0, { payload: new Uint8Array(length) }));
    runAll(
      engine,
      (number) => {
        const frame = bytes(templates[number & 255] ?? []);
        frame[ethernetBytes + tosOffset] = number >> 8;
        return frame;
      },
      (out) => (isValid(header(out, ethernetBytes)) ? null : 'invalid'),
    );
    engine.close();
  });

  it('of the inner header are right after the decrement, for every value', { timeout }, () => {
    const engine = new MemoryEngine({ flowEntries: 1024 });
    engine.load(plain);
    const template = udp();
    const seen = new Set<number>();
    runAll(
      engine,
      (number) => {
        const frame = bytes(template);
        const ip = header(frame, ethernetBytes);
        ip.set(be16(number), idOffset);
        ip.set([0, 0], checksumOffset);
        const sum = checksum(ip);
        ip.set(be16(sum), checksumOffset);
        seen.add(sum);
        return frame;
      },
      (out) => (isValid(header(out, outerEnd)) ? null : 'invalid'),
    );
    // Minus zero belongs to a header of all zeros, which is none.
    expect(seen.size).toBe(all - 1);
    engine.close();
  });

  it('of an echo reply are those of a plain sum, for every value of the request', { timeout }, () => {
    const engine = new MemoryEngine({ flowEntries: 1024 });
    engine.load(desiredOf({ vips: [tcpVip], echo: { rate: 1_000_000, burst: 1_000_000 } }));
    const ends = { source: '198.51.100.7', destination: vipAddress, protocol: protocols.icmp };
    runAll(
      engine,
      (number) => ethernetFrame(ipPacket(ends, echoMessage({ sequence: number }))),
      (out, number) => {
        const expected = echoMessage({ isReply: true, sequence: number });
        return Buffer.compare(out.subarray(outerEnd), expected) === 0 ? null : `expected ${be16(number).join()}`;
      },
    );
    engine.close();
  });
});
