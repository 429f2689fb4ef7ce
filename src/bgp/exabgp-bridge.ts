// The bridge between ExaBGP and Torii: the process that ExaBGP starts for its API, and a socket of Torii's.
//
// argv: the path of the socket; for how many seconds Torii may be silent. Each line of Torii's is an order, and an empty one
// says that Torii lives. If Torii goes, hangs or is stopped, ExaBGP is killed: it would go on announcing what nobody forwards.
// What ExaBGP says is always taken off it at once, or it would stall.

import { readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';

const [path = '', silenceSec = ''] = process.argv.slice(2);
const directory = dirname(path);

function end(): never {
  const parent = process.ppid;
  // Not whoever adopted this process when ExaBGP was gone already: ExaBGP's configuration lay beside the socket.
  if (parent > 1 && commandLineOf(parent).includes(directory)) process.kill(parent, 'SIGKILL');
  // The password is in there where Torii went before it could take that away.
  if (basename(directory).startsWith('torii-exabgp-')) rmSync(directory, { recursive: true, force: true });
  process.exit(0);
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

const torii = connect(path);
let silence = setTimeout(end, Number(silenceSec) * 1000);
torii.on('error', end);
torii.on('close', end);
process.stdout.on('error', end);
process.stdin.on('data', (said) => torii.write(said));
process.stdin.on('end', end);

createInterface({ input: torii }).on('line', (line) => {
  clearTimeout(silence);
  silence = setTimeout(end, Number(silenceSec) * 1000);
  if (line !== '') process.stdout.write(`${line}\n`);
});
