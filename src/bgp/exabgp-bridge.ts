// The bridge between ExaBGP and Torii: the process that ExaBGP starts for its API, and a socket of Torii's.
//
// argv: the path of the socket; for how many seconds Torii may be silent. Torii's first line names ExaBGP's process, each
// further one is an order, and an empty one says that Torii lives. If Torii goes, hangs or is stopped, ExaBGP is killed:
// it would go on announcing what nobody forwards. What ExaBGP says is always taken off it at once, or it would stall.

import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const [path = '', silenceSec = ''] = process.argv.slice(2);
let exabgp = 0;

function end(): never {
  // Not some process that has taken its number, nor whoever adopted this one.
  if (exabgp > 1 && process.ppid === exabgp) process.kill(exabgp, 'SIGKILL');
  process.exit(0);
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
  if (exabgp === 0) exabgp = Number(line);
  else if (line !== '') process.stdout.write(`${line}\n`);
});
