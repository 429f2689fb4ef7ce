// What a claim is: something Torii promises, a way to put it to the test on a running scene, and an outcome in words
// and numbers. Demo and integration tests check the same claims. Pure types and helpers.

import { messageOf } from '../../../src/errors.ts';
import type { Scene } from './scene.ts';

export type Numbers = Readonly<Record<string, number | string | Readonly<Record<string, number>>>>;

export interface Outcome {
  readonly held: boolean;
  /** One line: what was seen. When it did not hold, what was expected too. */
  readonly detail: string;
  readonly numbers: Numbers;
}

export interface Claim {
  /** Key in the demo's JSON. */
  readonly id: string;
  readonly sentence: string;
  /** What is about to be done, for the terminal. */
  readonly action: (scene: Scene) => string;
  /** Puts it to the test and leaves the scene as it was: everything running, everything up. */
  readonly check: (scene: Scene) => Promise<Outcome>;
}

/** One expectation: it holds, or says what is wrong. */
export interface Expectation {
  readonly holds: boolean;
  readonly otherwise: string;
}

/** Held exactly when every expectation does; the detail is `seen`, or all that is wrong. */
export function outcomeOf(expectations: readonly Expectation[], seen: string, numbers: Numbers): Outcome {
  const wrong = expectations.filter(({ holds }) => !holds).map(({ otherwise }) => otherwise);
  return { held: wrong.length === 0, detail: wrong.length === 0 ? seen : wrong.join('; '), numbers };
}

/** Checks a claim; a check that cannot be carried through (a wait that gave up, a program that ended) did not hold. */
export async function settle(claim: Claim, scene: Scene): Promise<Outcome> {
  try {
    return await claim.check(scene);
  } catch (error) {
    return { held: false, detail: messageOf(error), numbers: {} };
  }
}
