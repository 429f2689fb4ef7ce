// The engines that tests of the live packet path run with, each in turn.

import type { DeviceSpec } from '../../../src/dataplane/addon.ts';

export const liveEngines: readonly DeviceSpec['engine'][] = ['af_packet', 'af_xdp'];
