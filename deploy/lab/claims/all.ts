// The story in its order: each claim leaves the scene as it found it, except that the killed balancer is brought back
// by the claim after it.

import { backendDies } from './backend-dies.ts';
import { balancerKilled, balancerReturns } from './balancer-killed.ts';
import type { Claim } from './claim.ts';
import { drain } from './drain.ts';
import { synFlooded } from './flood.ts';
import { clientAddress, spreads } from './spreads.ts';

export const claims: readonly Claim[] = [spreads, clientAddress, balancerKilled, balancerReturns, backendDies, drain, synFlooded];
