import { describe, expect, it } from 'vitest';
import { type Machine, preflight } from '../../../deploy/lab/preflight.ts';

const good: Machine = { platform: 'linux', uid: 0, isExecutable: () => true };
const without = (...missing: readonly string[]): Machine => ({ ...good, isExecutable: (program) => !missing.includes(program) });

describe('the look at the machine before a lab', () => {
  it('finds nothing on a machine that has everything', () => {
    expect(() => preflight('frr', 'npm run demo', good)).not.toThrow();
  });

  it('says how to become root', () => {
    const look = () => preflight('bird', 'npm run demo', { ...good, uid: 1000 });
    expect(look).toThrow(expect.objectContaining({ code: 'no_privilege', exitCode: 77 }));
    expect(look).toThrow(/run sudo npm run demo$/);
  });

  it('names all that is missing, and the one command that installs it', () => {
    expect(() => preflight('bird', 'npm run demo', without('bird', 'nft'))).toThrow(
      'not installed: nft, bird: run apt-get install -y nftables bird2',
    );
  });

  it('asks only for the router that is used', () => {
    expect(() => preflight('bird', 'npm run demo', without('vtysh', '/usr/lib/frr/bgpd'))).not.toThrow();
    expect(() => preflight('frr', 'npm run demo', without('vtysh', '/usr/lib/frr/bgpd'))).toThrow(/apt-get install -y frr$/);
  });
});
