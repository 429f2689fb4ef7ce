import { describe, expect, it } from 'vitest';
import { flapsIn } from '../../../deploy/lab/routers/bird-log.ts';
import { parseBfd, parseProtocols, parseRoutes } from '../../../deploy/lab/routers/bird-text.ts';

// BIRD 2.0.12, `show protocols all`, shortened.
const protocols = `BIRD 2.0.12 ready.
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
  Channel ipv4
    State:          UP
    Routes:         2 imported, 0 exported, 2 preferred

lb2        BGP        ---        start  2026-11-21 22:14:01.123  OpenSent      
  BGP state:          OpenSent
    Neighbor address: 10.66.0.12
`;

describe('what BIRD says of its neighbours', () => {
  it('is read without the listener for new ones', () => {
    expect(parseProtocols(protocols)).toEqual([
      { address: '10.66.0.11', state: 'Established', established: true, prefixes: 2 },
      { address: '10.66.0.12', state: 'OpenSent', established: false, prefixes: 0 },
    ]);
  });

  it('is nothing when it does not answer', () => {
    expect(parseProtocols('')).toEqual([]);
  });
});

// BIRD 2.0.12, `show route 203.0.113.10/32 all table master4`.
const routes = `BIRD 2.0.12 ready.
Table master4:
203.0.113.10/32      unicast [lb1 2026-11-21 22:14:02.123] * (100) [AS65010i]
	via 10.66.0.12 on fabric
	Type: BGP univ
	BGP.origin: IGP
	BGP.as_path: 65010 65010
	BGP.next_hop: 10.66.0.12
	BGP.med: 7
	BGP.local_pref: 100
	BGP.community: (65000,100) (65535,0)
	BGP.large_community: (65000, 1, 2)
                     unicast [lb0 2026-11-21 22:14:02.123] (100) [AS65010i]
	via 10.66.0.11 on fabric
	Type: BGP univ
	BGP.origin: IGP
	BGP.as_path: 65010
	BGP.next_hop: 10.66.0.11
	BGP.local_pref: 0
`;

describe('what BIRD says of a route', () => {
  it('is one entry for each path, with what came with it', () => {
    expect(parseRoutes(routes)).toEqual([
      {
        nextHop: '10.66.0.12',
        asPath: [65010, 65010],
        communities: ['65000:100', '65535:0'],
        largeCommunities: ['65000:1:2'],
        med: 7,
        localPref: 100,
      },
      { nextHop: '10.66.0.11', asPath: [65010], communities: [], largeCommunities: [], med: null, localPref: 0 },
    ]);
  });

  it('is nothing of a route that it does not have', () => {
    expect(parseRoutes('BIRD 2.0.12 ready.\nNetwork not found\n')).toEqual([]);
  });
});

describe('what BIRD says of BFD', () => {
  it('is up or not, for each neighbour', () => {
    const text = `BIRD 2.0.12 ready.
bfd1:
IP address                Interface  State      Since         Interval  Timeout
10.66.0.11                fabric     Up         22:14:02.123    0.100    0.300
fd66::12                  fabric     Down       22:14:02.123    1.000    0.000
`;
    expect(parseBfd(text)).toEqual([
      { address: '10.66.0.11', isUp: true },
      { address: 'fd66::12', isUp: false },
    ]);
  });
});

describe('what BIRD’s log says of sessions', () => {
  // BIRD 2.0.12; the neighbour was stopped for two seconds.
  const log = `2026-11-22 05:08:21.383 <TRACE> lb0: State changed to start
2026-11-22 05:08:22.151 <TRACE> bfd1: Session to 10.9.0.11 changed state from Init to Up
2026-11-22 05:08:22.208 <TRACE> lb0: State changed to up
2026-11-22 05:08:27.582 <TRACE> bfd1: Session to 10.9.0.11 expired
2026-11-22 05:08:27.582 <TRACE> bfd1: Session to 10.9.0.11 changed state from Up to Down
2026-11-22 05:08:27.582 <TRACE> lb0: State changed to stop
2026-11-22 05:08:27.582 <TRACE> lb0: State changed to flush
2026-11-22 05:08:27.582 <TRACE> lb0: State changed to down
2026-11-22 05:08:27.582 <TRACE> lb0: State changed to start
2026-11-22 05:08:29.499 <TRACE> bfd1: Session to 10.9.0.11 changed state from Down to Up
2026-11-22 05:08:30.337 <TRACE> lb0: State changed to up
`;

  it('is how often they were up and then no longer', () => {
    const neighbours = [
      { address: '10.9.0.11', protocol: 'lb0' },
      { address: '10.9.0.1', protocol: 'lb1' },
    ];
    expect(flapsIn(log, neighbours)).toEqual([
      { address: '10.9.0.11', bgp: 1, bfd: 1 },
      { address: '10.9.0.1', bgp: 0, bfd: 0 },
    ]);
  });
});
