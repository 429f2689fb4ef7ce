// Sources of the small servers and clients that tests of live engines run in their bed (packet-bed.ts).

/** An upload to an address of the bed. */
export interface Upload {
  readonly vip: string;
  readonly port: number;
  readonly bytes: number;
}

/** Answers it with its hash. */
export const hashServer = ({ vip, port, bytes: all }: Upload) => `
import { createServer } from 'node:net';
import { createHash } from 'node:crypto';
createServer((socket) => {
  const hash = createHash('sha1');
  let bytes = 0;
  socket.on('data', (chunk) => {
    hash.update(chunk);
    bytes += chunk.length;
    if (bytes === ${all}) socket.end(hash.digest('hex'));
  });
}).listen(${port}, '${vip}', () => console.log('ready'));`;

/** Prints the hash of what it sent, and the answer. */
export const uploader = ({ vip, port, bytes }: Upload) => `
import { connect } from 'node:net';
import { createHash, randomBytes } from 'node:crypto';
const body = randomBytes(${bytes});
const socket = connect(${port}, '${vip}', () => socket.write(body));
socket.setTimeout(20000, () => process.exit(1));
let said = '';
socket.on('data', (chunk) => { said += chunk; });
socket.on('end', () => { console.log(createHash('sha1').update(body).digest('hex'), said); process.exit(); });`;

/** An expression: the server, which does not listen yet. */
export const echoServer = `
import { createServer } from 'node:net';
createServer((socket) => socket.pipe(socket))`;

/** An expression: a function of host and port that prints what comes back. */
export const echoClient = `
import { connect } from 'node:net';
((host, port) => {
  const socket = connect(port, host, () => socket.end('hello'));
  socket.pipe(process.stdout);
})`;
