// What a capture asks for, as the packet path takes it: names become indices, addresses bytes, words of verdicts a mask. Pure.

import type { CaptureFilter, CapturePrefix } from '../dataplane/addon.ts';
import { ToriiError } from '../errors.ts';
import { addressBytes, familyOf, parsePrefix } from '../model/address.ts';
import type { CaptureQuery } from '../model/capture.ts';
import { canonicalVipName, parseVipName } from '../model/vip.ts';
import type { VerdictEntry } from '../steering/layout.ts';
import type { CaptureNames } from './names.ts';

/** Throws bad_request, or not_found where no VIP or backend of the document has that name. */
export function filterOf(query: CaptureQuery, verdicts: readonly VerdictEntry[], names: CaptureNames): CaptureFilter {
  const { sample, ratePerSec, snapBytes, withOutput } = query;
  return {
    verdicts: verdictMask(query, verdicts),
    ...vipOf(query.vip, names),
    client: prefixOf('client', query.client),
    backend: backendOf(query.backend, names),
    sample,
    ratePerSec,
    snapBytes,
    withOutput,
  };
}

function verdictMask({ verdicts, reasons }: CaptureQuery, all: readonly VerdictEntry[]): number {
  const known = new Set(all.map(({ reason }) => reason).filter((reason) => reason !== 'none'));
  const odd = reasons.find((reason) => !known.has(reason));
  if (odd !== undefined) throw new ToriiError('bad_request', `reason: expected one of ${[...known].join(', ')}, got "${odd}"`);
  const isWanted = ({ kind, reason }: VerdictEntry): boolean => {
    if (reasons.length > 0 && !reasons.includes(reason)) return false;
    return verdicts.length > 0 ? verdicts.includes(kind) : reasons.length > 0 || kind !== 'pass';
  };
  const mask = all.filter(isWanted).reduce((bits, { number }) => bits | (1 << number), 0);
  if (mask === 0) {
    throw new ToriiError('bad_request', `no packet is ${verdicts.join(' or ')} for ${reasons.join(' or ')}: ask for less`);
  }
  return mask >>> 0;
}

function vipOf(text: string | null, names: CaptureNames): Pick<CaptureFilter, 'vip' | 'destination'> {
  if (text === null) return { vip: 0, destination: null };
  if (parseVipName(text) === undefined) return { vip: 0, destination: prefixOf('vip', text) };
  const name = canonicalVipName(text);
  const [index] = [...names.vips].find(([each, vip]) => each !== 0 && vip === name) ?? [];
  if (index === undefined) {
    throw new ToriiError('not_found', `no VIP ${text} that this node forwards; its address alone takes all that goes there`);
  }
  return { vip: index, destination: null };
}

function backendOf(text: string | null, { backends }: CaptureNames): CapturePrefix {
  if (text === null) return null;
  if (![...backends.values()].some(({ address }) => address === text)) throw new ToriiError('not_found', `no backend ${text}`);
  return prefixOf('backend', text);
}

function prefixOf(key: string, text: string | null): CapturePrefix {
  if (text === null) return null;
  const prefix = parsePrefix(text);
  if (prefix === undefined) {
    throw new ToriiError('bad_request', `${key}: expected an address or a prefix like 198.51.100.0/24, got "${text}"`);
  }
  const bits = prefix.length + (familyOf(prefix.address) === 4 ? 96 : 0);
  return { address: addressBytes(prefix.address), bits };
}
