// Looks whether this machine can run the lab, before anything is made: one sentence per finding, with the command
// that mends it.

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { ToriiError } from '../../src/errors.ts';
import { searchPath } from './shell.ts';
import type { RouterKind } from './topology.ts';

interface Need {
  readonly program: string;
  readonly debianPackage: string;
}

const always: readonly Need[] = [
  { program: 'ip', debianPackage: 'iproute2' },
  { program: 'nsenter', debianPackage: 'util-linux' },
  { program: 'sysctl', debianPackage: 'procps' },
  { program: 'ethtool', debianPackage: 'ethtool' },
  { program: 'nft', debianPackage: 'nftables' },
  { program: 'haproxy', debianPackage: 'haproxy' },
];

const ofRouter: Readonly<Record<RouterKind, readonly Need[]>> = {
  bird: [{ program: 'bird', debianPackage: 'bird2' }],
  frr: [
    { program: 'vtysh', debianPackage: 'frr' },
    { program: '/usr/lib/frr/bgpd', debianPackage: 'frr' },
  ],
  gobgp: [
    { program: 'gobgpd', debianPackage: 'gobgpd' },
    { program: 'gobgp', debianPackage: 'gobgpd' },
  ],
};

function isInstalled(program: string): boolean {
  const candidates = program.startsWith('/') ? [program] : searchPath.split(':').map((directory) => join(directory, program));
  return candidates.some((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export interface Machine {
  readonly platform: string;
  readonly uid: number | undefined;
  readonly isExecutable: (program: string) => boolean;
}

/** Programs of that router, and of these others, that this machine has not. */
export function missingFor(router: RouterKind, others: readonly string[] = []): readonly string[] {
  return [...ofRouter[router].map(({ program }) => program), ...others].filter((program) => !isInstalled(program));
}

/**
 * Throws what is missing; `command` is what the user ran, to be repeated with privilege. Without a router, only what
 * every lab needs.
 */
export function preflight(router: RouterKind | null, command: string, machine: Machine = thisMachine()): void {
  const { platform, uid, isExecutable } = machine;
  if (platform !== 'linux') throw new ToriiError('usage', 'the lab needs Linux: it is made of network namespaces');
  if (uid !== 0) {
    throw new ToriiError('no_privilege', `the lab makes network namespaces, which needs root: run sudo ${command}`);
  }
  const missing = [...always, ...(router === null ? [] : ofRouter[router])].filter(({ program }) => !isExecutable(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(({ debianPackage }) => debianPackage))].join(' ');
  const programs = missing.map(({ program }) => program).join(', ');
  throw new ToriiError('usage', `not installed: ${programs}: run apt-get install -y ${packages}`);
}

/** What preflight() would throw, in one sentence; null where the lab can run. */
export function preflightTrouble(router: RouterKind, command: string): string | null {
  try {
    preflight(router, command);
    return null;
  } catch (error) {
    if (!(error instanceof ToriiError) || error.code === 'internal') throw error;
    return error.message;
  }
}

function thisMachine(): Machine {
  return { platform: process.platform, uid: process.getuid?.(), isExecutable: isInstalled };
}
