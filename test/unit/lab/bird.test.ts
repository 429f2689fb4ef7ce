import { describe, expect, it } from 'vitest';
import { parseProtocols } from '../../../deploy/lab/bird.ts';

// BIRD 2.0.12, `show protocols all`, shortened.
const output = `BIRD 2.0.12 ready.
Name       Proto      Table      State  Since         Info
device1    Device     ---        up     2026-11-21 22:14:00.123  

k4         Kernel     master4    up     2026-11-21 22:14:00.123  
  Channel ipv4
    State:          UP

bgp1       BGP        ---        start  2026-11-21 22:14:00.123  Passive
  BGP state:          Passive
    Neighbor range:   10.66.0.0/24
    Neighbor AS:      0

lb1        BGP        ---        up     2026-11-21 22:14:01.123  Established   
  BGP state:          Established
    Neighbor address: 10.66.0.11
    Neighbor AS:      65010

lb2        BGP        ---        start  2026-11-21 22:14:01.123  OpenSent      
  BGP state:          OpenSent
    Neighbor address: 10.66.0.12
`;

describe('what BIRD says of its neighbours', () => {
  it('is read without the listener for new ones', () => {
    expect(parseProtocols(output)).toEqual([
      { address: '10.66.0.11', state: 'Established', established: true },
      { address: '10.66.0.12', state: 'OpenSent', established: false },
    ]);
  });

  it('is nothing when it does not answer', () => {
    expect(parseProtocols('')).toEqual([]);
  });
});
