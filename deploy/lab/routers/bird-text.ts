// What BIRD's client prints, as data; BIRD 2 has no JSON. Pure.

import type { RouterBfd, RouterNeighbour, RouterRoute } from './router.ts';

/** The neighbours in the output of `show protocols all`. */
export function parseProtocols(text: string): readonly RouterNeighbour[] {
  return text
    .split(/\n(?=\S)/)
    .filter((block) => /^\S+\s+BGP\s/.test(block))
    .flatMap((block) => {
      const address = /Neighbor address:\s+(\S+)/.exec(block)?.[1];
      const state = /BGP state:\s+(\S+)/.exec(block)?.[1] ?? 'unknown';
      const prefixes = Number(/Routes:\s+(\d+) imported/.exec(block)?.[1] ?? 0);
      return address === undefined ? [] : [{ address, state, established: state === 'Established', prefixes }];
    });
}

/** The paths in the output of `show route PREFIX all`, BGP's alone. */
export function parseRoutes(text: string): readonly RouterRoute[] {
  return text
    .split(/\n(?=\S* +(?:unicast|blackhole) )/)
    .filter((block) => block.includes('BGP.as_path'))
    .map((block) => {
      const attribute = (name: string) => new RegExp(`BGP\\.${name}: (.*)`).exec(block)?.[1]?.trim();
      const number = (name: string) => (attribute(name) === undefined ? null : Number(attribute(name)));
      const tuples = (name: string) =>
        [...(attribute(name) ?? '').matchAll(/\(([^)]*)\)/g)].map(([, inside = '']) =>
          inside.replaceAll(/\s/g, '').replaceAll(',', ':'),
        );
      return {
        // Beside a link-local one the global next hop comes first.
        nextHop: attribute('next_hop')?.split(' ')[0] ?? '',
        asPath: (attribute('as_path') ?? '').split(' ').filter(Boolean).map(Number),
        communities: tuples('community'),
        largeCommunities: tuples('large_community'),
        med: number('med'),
        localPref: number('local_pref'),
      };
    });
}

/** The sessions in the output of `show bfd sessions`. */
export function parseBfd(text: string): readonly RouterBfd[] {
  return [...text.matchAll(/^([0-9a-fA-F:.]+)\s+\S+\s+(Up|Down|Init|AdminDown)\b/gm)].map(([, address = '', state]) => ({
    address,
    isUp: state === 'Up',
  }));
}
