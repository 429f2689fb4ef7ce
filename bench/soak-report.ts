// What a soak found, as measures.

import type { Measure } from './report.ts';
import { type Flaps, isOurDetection, isRoutersDetection, type Loss } from './soak-watch.ts';
import { isNear, type Stall } from './stall-watch.ts';

/** What is late only where it arrives was late in between. */
export interface Silence {
  readonly sentMs: number;
  readonly arrivedMs: number;
}

export interface Outcome {
  readonly minutes: number;
  readonly detectMs: number;
  readonly flaps: Flaps;
  readonly losses: readonly Loss[];
  /** Of the machine itself; null where nobody watched. */
  readonly stalls: readonly Stall[] | null;
  /** The longest between two BFD packets of one session, by who sends and where it was seen; null where nobody captured them. */
  readonly silence: { readonly ours: Silence; readonly routers: Silence } | null;
  readonly reloads: number;
  readonly packets: { readonly sent: number; readonly arrived: number };
  readonly requests: { readonly all: number; readonly failed: number };
}

/** A stall this part of the detection time long has taken the spare time of whoever sends. */
const worthOfDetection = 2;
const afterwardsMs = 2000;

export function reportOutcome(outcome: Outcome, report: (measure: Measure) => void): void {
  const { minutes, detectMs, flaps, losses, silence, reloads, packets, requests } = outcome;
  report({ name: 'time', value: minutes, unit: 'min' });
  report({ name: 'reloads in force', value: reloads, unit: 'reloads' });
  for (const kind of ['bgp', 'bfd'] as const) {
    const name = kind.toUpperCase();
    report({ name: `${name}: flaps, by the balancers`, value: flaps.ours[kind], unit: 'flaps', limit: 0 });
    report({ name: `${name}: flaps, by the router`, value: flaps.router[kind], unit: 'flaps', limit: 0 });
  }
  report({
    name: 'BFD: lost because the router was silent',
    value: losses.filter(isOurDetection).length,
    unit: 'losses',
    limit: 0,
  });
  report({
    name: 'BFD: lost because the router heard nothing',
    value: losses.filter(isRoutersDetection).length,
    unit: 'losses',
    limit: 0,
  });
  reportStalls(outcome, report);
  const skipped = silence === null ? { skipped: 'tcpdump is not installed' } : {};
  const longest = (name: string, value: number | undefined, limit = {}) =>
    report({ name: `BFD: longest pause, ${name}`, value: value ?? null, unit: 'ms', ...limit, ...skipped });
  longest('ours as sent', silence?.ours.sentMs, { limit: detectMs });
  longest('ours as arrived', silence?.ours.arrivedMs);
  longest('the router’s as sent', silence?.routers.sentMs);
  longest('the router’s as arrived', silence?.routers.arrivedMs);
  report({ name: 'packets sent', value: packets.sent, unit: 'packets' });
  report({ name: 'packets lost', value: packets.sent - packets.arrived, unit: 'packets' });
  report({ name: 'requests sent', value: requests.all, unit: 'requests' });
  report({ name: 'requests lost', value: requests.failed, unit: 'requests' });
}

function reportStalls({ detectMs, losses, stalls }: Outcome, report: (measure: Measure) => void): void {
  const watched = stalls ?? [];
  const skipped = stalls === null ? { skipped: 'no real-time priority' } : {};
  const value = (number: number) => (stalls === null ? null : number);
  const long = watched.filter(({ longMs }) => longMs >= detectMs / worthOfDetection);
  const letDown = losses.filter(({ at }) => long.some((stall) => isNear(stall, Date.parse(at), afterwardsMs)));
  const longest = Math.max(0, ...watched.map(({ longMs }) => longMs));
  report({
    name: 'sessions lost within 2 s of a stall of the machine',
    value: value(letDown.length),
    unit: 'losses',
    ...skipped,
  });
  report({ name: 'longest stall of the machine', value: value(longest), unit: 'ms', ...skipped });
}
