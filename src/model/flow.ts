// A flow: protocol, source and destination, as operators write it in `torii explain FLOW` and in the API. Pure.
//
// Two written forms are read, one is written:
//   tcp 198.51.100.7:40000 203.0.113.10:80
//   198.51.100.7:40000 > 203.0.113.10:80/tcp

import { familyOf, parseAddress } from './address.ts';
import type { Protocol } from './vip.ts';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface Flow {
  readonly protocol: Protocol;
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

/** Reads either form; undefined when it is neither, a port is 0 or missing, or the families differ. */
export function parseFlow(text: string): Flow | undefined {
  const read = readFlow(text);
  return typeof read === 'string' ? undefined : read;
}

/** Like parseFlow, with a sentence in place of undefined: what was expected and what came. */
export function readFlow(text: string): Flow | string {
  const words = text.trim().split(/\s+/);
  const [protocol, from = '', to = ''] = words[1] === '>' ? arrowForm(words) : words;
  if (words.length !== 3) return `expected a flow like tcp 198.51.100.7:40000 203.0.113.10:80, got ${JSON.stringify(text)}`;
  if (protocol !== 'tcp' && protocol !== 'udp')
    return `protocol: expected tcp or udp, got ${JSON.stringify(protocol ?? 'nothing')}`;
  const source = parseEndpoint(from);
  if (source === undefined) return `source: ${expectedEndpoint}, got ${JSON.stringify(from)}`;
  const destination = parseEndpoint(to);
  if (destination === undefined) return `destination: ${expectedEndpoint}, got ${JSON.stringify(to)}`;
  if (familyOf(source.address) !== familyOf(destination.address))
    return `expected source and destination of one family, got ${from} and ${to}`;
  return { protocol, source, destination };
}

const expectedEndpoint = 'expected ADDRESS:PORT with an IPv4 address or an IPv6 one in brackets, and a port of 1 to 65535';

/** The first form, with canonical addresses; parseFlow reads it back. */
export function flowText({ protocol, source, destination }: Flow): string {
  return `${protocol} ${endpointText(source)} ${endpointText(destination)}`;
}

/** "198.51.100.7:40000" or "[2001:db8::1]:40000". */
export function endpointText({ address, port }: Endpoint): string {
  return familyOf(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

function arrowForm(words: readonly string[]): readonly (string | undefined)[] {
  const [to, protocol] = (words[2] ?? '').split('/');
  return [protocol, words[0], to];
}

function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const address = parseAddress(match?.[1] ?? match?.[2] ?? '');
  const port = Number(match?.[3]);
  if (address === undefined || !(port >= 1 && port <= 65535)) return undefined;
  return (match?.[1] !== undefined) === (familyOf(address) === 6) ? { address, port } : undefined;
}
