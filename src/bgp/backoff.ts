// How long to wait for what: before dialling a peer again (RFC 4271 10: jitter of 0.75 to 1), between keepalives, for
// acknowledgements.
//
// Dialling: a second after the first failure, twice as long after each further one, up to the peer's connectRetrySec: quick when a
// router restarts, and no storm while it is away. Pure; the caller brings the random number.

const firstDelayMs = 1000;
const minSendHoldSec = 30;

/** `failures` in a row, at least 1; `random` in [0, 1). */
export function retryDelayMs(failures: number, connectRetrySec: number, random: number): number {
  const longest = connectRetrySec * 1000;
  // Past 2^16 the doubling has met any sensible limit, and stays finite.
  const whole = Math.min(longest, firstDelayMs * 2 ** Math.min(failures - 1, 16));
  return jitter(whole, random);
}

/** A third of the hold time, jittered; never less than 1 s apart (RFC 4271 4.4). */
export function keepaliveDelayMs(holdTimeSec: number, random: number): number {
  return Math.max(1000, jitter((holdTimeSec * 1000) / 3, random));
}

/** RFC 9687 4: twice the hold time; "at least" keeps a short hold time from ending a session over one lost packet. */
export function sendHoldMs(holdTimeSec: number): number {
  return Math.max(minSendHoldSec, 2 * holdTimeSec) * 1000;
}

function jitter(delayMs: number, random: number): number {
  return delayMs * (0.75 + 0.25 * random);
}
