// Timeout profiles: the different sets of idle timeouts of a desired state, numbered for the flow table. Pure.

import { ToriiError } from '../errors.ts';
import type { DesiredVip } from '../model/desired.ts';

/** Idle timeouts in the packet path's terms. */
export interface Profile {
  readonly probationMs: number;
  /** tcpSec or udpSec, by the VIP's protocol. */
  readonly establishedMs: number;
  /** Never more than establishedMs: FIN only shortens. */
  readonly finMs: number;
  /** The flows' slots cannot be told from their fingerprints. */
  readonly isNot5Tuple: boolean;
}

type Timed = Pick<DesiredVip, 'protocol' | 'timeouts' | 'hash'>;

export function profileOf({ protocol, timeouts, hash }: Timed): Profile {
  const establishedSec = protocol === 'tcp' ? timeouts.tcpSec : timeouts.udpSec;
  return {
    probationMs: timeouts.probationSec * 1000,
    establishedMs: establishedSec * 1000,
    finMs: Math.min(timeouts.finSec, establishedSec) * 1000,
    isNot5Tuple: hash !== '5tuple',
  };
}

function profileKey({ probationMs, establishedMs, finMs, isNot5Tuple }: Profile): string {
  return `${probationMs},${establishedMs},${finMs},${isNot5Tuple ? 1 : 0}`;
}

export function profileOfKey(key: string): Profile {
  const [probationMs = 0, establishedMs = 0, finMs = 0, isNot5Tuple = 0] = key.split(',').map(Number);
  return { probationMs, establishedMs, finMs, isNot5Tuple: isNot5Tuple === 1 };
}

/** Profiles by the number that flows have. */
export function profilesByNumber(profiles: ReadonlyMap<string, number>): ReadonlyMap<number, Profile> {
  return new Map([...profiles].map(([key, number]) => [number, profileOfKey(key)]));
}

/** Encoded profile of each VIP. Mostly one is as the one before it, and then its key is the same string. */
export function profileKeysOf(vips: readonly Timed[]): readonly string[] {
  let before: Timed | undefined;
  let key = '';
  return vips.map((vip) => {
    if (before === undefined || !isTimedAlike(vip, before)) key = profileKey(profileOf(vip));
    before = vip;
    return key;
  });
}

function isTimedAlike(a: Timed, b: Timed): boolean {
  const [one, other] = [a.timeouts, b.timeouts];
  return (
    a.protocol === b.protocol &&
    a.hash === b.hash &&
    one.tcpSec === other.tcpSec &&
    one.udpSec === other.udpSec &&
    one.finSec === other.finSec &&
    one.probationSec === other.probationSec
  );
}

/** Gives every key a number; those of before keep theirs as long as there is room. */
export function assignProfiles(
  before: ReadonlyMap<string, number>,
  keys: readonly string[],
  limit: number,
): ReadonlyMap<string, number> {
  const wanted = new Set(keys);
  if (wanted.size > limit)
    throw new ToriiError('capacity', `expected at most ${limit} different sets of timeouts, got ${wanted.size}`);
  const profiles = new Map(before);
  for (const key of wanted) {
    if (profiles.has(key)) continue;
    let index = profiles.size;
    if (index >= limit) {
      const unused = [...profiles].find(([old]) => !wanted.has(old));
      if (!unused) throw new ToriiError('internal', 'no room for a set of timeouts, though there are few enough');
      profiles.delete(unused[0]);
      index = unused[1];
    }
    profiles.set(key, index);
  }
  return profiles;
}
