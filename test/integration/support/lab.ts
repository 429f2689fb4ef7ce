// What the lab's tests run with; the environment may say otherwise, so that one engine or router can be looked at alone.

import type { RouterKind } from '../../../deploy/lab/topology.ts';

export const labEngine = process.env.TORII_LAB_ENGINE ?? 'auto';

/** Of tests about packets. */
export const labEngines = process.env.TORII_LAB_ENGINE === undefined ? ['af_xdp', 'af_packet'] : [process.env.TORII_LAB_ENGINE];

export const routersUnderTest = ((process.env.TORII_LAB_ROUTERS ?? 'bird,frr').split(',') as RouterKind[]).map(
  (router) => [router] as const,
);
