// BFD in words for operators: diagnostic codes (RFC 5880 4.1, RFC 6428) and the kernel's errors. Pure.

import { getSystemErrorMap } from 'node:util';

const diagnostics = [
  'no diagnostic',
  'control detection time expired',
  'echo function failed',
  'neighbor signaled session down',
  'forwarding plane reset',
  'path down',
  'concatenated path down',
  'administratively down',
  'reverse concatenated path down',
  'mis-connectivity defect',
] as const;

const neighborSignaled = 3;
const pathDown = 5;

function diagnosticText(code: number): string {
  return diagnostics[code] ?? `diagnostic ${code}`;
}

/** Why this end went down. Path down is what it says of itself while the speaker's own thread stands still. */
export function lossText(local: number, remote: number): string {
  if (local === pathDown) return 'path down: the speaker of this node had stopped';
  const why = local === neighborSignaled && remote !== 0 ? ` (${diagnosticText(remote)})` : '';
  return `${diagnosticText(local)}${why}`;
}

/** Of a positive errno. */
export function errnoText(errno: number): string {
  const [name, text] = getSystemErrorMap().get(-errno) ?? ['', `error ${errno}`];
  return name === '' ? text : `${text} (${name})`;
}
