// Moves bodies through a VIP in both directions and checks every byte: `node transfer.js ADDRESS PORT BYTES`, run inside
// the client namespace. Prints a TransferReport. Large bodies show what small requests hide: a packet that became too
// long for the way to the backend, or left with a checksum that nobody had filled in.

import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';

export interface TransferReport {
  readonly sentBytes: number;
  /** What the origin counted. */
  readonly arrivedBytes: number;
  readonly isUploadIntact: boolean;
  readonly receivedBytes: number;
  readonly isDownloadIntact: boolean;
}

const timeoutMs = 20_000;

async function call(method: string, path: string, body?: Buffer): Promise<Buffer> {
  const [host, port] = process.argv.slice(2);
  return await new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const exchange = request({ host, port, path, method, agent: false, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve(Buffer.concat(chunks)));
    });
    exchange.on('error', reject);
    exchange.end(body);
  });
}

async function main(): Promise<void> {
  const bytes = Number(process.argv[4]);
  const body = randomBytes(bytes);
  const answer = JSON.parse((await call('POST', '/upload', body)).toString()) as {
    readonly bytes: number;
    readonly sha256: string;
  };
  const download = await call('GET', `/bytes/${bytes}`);
  const report: TransferReport = {
    sentBytes: bytes,
    arrivedBytes: answer.bytes,
    isUploadIntact: answer.sha256 === createHash('sha256').update(body).digest('hex'),
    receivedBytes: download.length,
    isDownloadIntact: download.equals(Buffer.alloc(bytes, 0x74)),
  };
  console.log(JSON.stringify(report));
}

await main();
