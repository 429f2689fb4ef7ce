import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { raiseChannels } from '../../../src/balancer/channels.ts';
import { DeviceSettings, noteFile } from '../../../src/balancer/device-settings.ts';
import type { Swept } from '../../../src/dataplane/addon.ts';
import { type Feature, loadNetAddon } from '../../../src/net.ts';

/** A card whose settings outlive the daemons that change them. */
class Card {
  ifindex = 7;
  queues = 2;
  readonly on = new Set<Feature>(['gro', 'rxVlan']);
  links() {
    return [
      {
        name: 'eth0',
        ifindex: this.ifindex,
        mac: '02:00:00:00:00:01',
        mtuBytes: 1500,
        isUp: true,
        kind: '',
        master: 0,
        lower: 0,
      },
    ];
  }
  features() {
    return { gro: this.on.has('gro'), lro: this.on.has('lro'), rxVlan: this.on.has('rxVlan') };
  }
  turnOn(_: string, feature: Feature): void {
    this.on.add(feature);
  }
  channels() {
    return { count: this.queues, max: 8 };
  }
  setChannels(_: string, count: number): void {
    this.queues = count;
  }
}

const interrupt = '/proc/irq/24/smp_affinity_list';

describe('what was set of a device before torii', () => {
  let directory: string;
  let card: Card;
  let warnings: string[];
  let said: string[];
  let swept: Swept;
  const note = () => join(directory, noteFile);

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'torii-devices-'));
    card = new Card();
    warnings = [];
    said = [];
    swept = 'nothing';
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const settingsOf = (devices: readonly string[], boot: string): DeviceSettings =>
    new DeviceSettings({
      net: card,
      directory,
      devices,
      sweep: () => swept,
      say: (text) => said.push(text),
      warn: (text) => warnings.push(text),
      boot,
    });

  /** A daemon whose engine turns off GRO, and what it is set to in the end. */
  function start({ boot = 'a', files = new Map<string, string>(), devices = ['eth0'] } = {}) {
    const settings = settingsOf(devices, boot);
    const raised = raiseChannels(card, devices, 4, settings.queues);
    const gro = devices.includes('eth0') && card.on.delete('gro');
    const left = new Map(settings.files);
    settings.running(new Map([...files, ...left]));
    const stop = (): void => {
      if (gro) card.on.add('gro');
      raised.restore();
      settings.restore();
    };
    return { stop, left };
  }
  const now = () => ({ on: [...card.on].sort(), queues: card.queues });
  const before = { on: ['gro', 'rxVlan'], queues: 2 };
  const underTorii = { on: ['rxVlan'], queues: 4 };

  it('is as it was after an orderly stop, and nothing stays noted', () => {
    const daemon = start();
    expect(now()).toEqual(underTorii);
    expect(existsSync(note())).toBe(true);
    daemon.stop();
    expect(now()).toEqual(before);
    expect(existsSync(note())).toBe(false);
    expect(warnings).toEqual([]);
  });

  it.each([1, 2, 3])('is as it was after an orderly stop that comes after %d daemons that were killed', (killed) => {
    for (let i = 0; i < killed; i++) start();
    expect(now()).toEqual(underTorii);
    start().stop();
    expect(now()).toEqual(before);
  });

  it('is known though the daemon was killed before its engine ran', () => {
    const killed = settingsOf(['eth0'], 'a');
    expect(killed.queues.get('eth0')).toBe(2);
    card.on.delete('gro');
    start().stop();
    expect(now()).toEqual(before);
  });

  it('comes back with the next start where the document has lost the device meanwhile, and so does what the engine left', () => {
    start();
    swept = 'filter';
    start({ devices: [] });
    expect(card.on.has('gro')).toBe(true);
    expect(said).toEqual([
      'device eth0, not in the document any more, is put back as it was before a killed torii: filter removed, gro on',
    ]);
    swept = 'nothing';
    start({ devices: [] }).stop();
    expect(said).toHaveLength(1);
  });

  it.each([
    ['and comes back with the end where that one has gone by then', 'nothing', true],
    ['for good where it has it still', 'notOurs', false],
  ] as const)('stays where another balancer has the lost device meanwhile, %s', (_, inTheEnd, isOn) => {
    start();
    swept = 'notOurs';
    const next = start({ devices: [] });
    expect(card.on.has('gro')).toBe(false);
    swept = inTheEnd;
    next.stop();
    expect(card.on.has('gro')).toBe(isOn);
    expect(warnings).toEqual([]);
  });

  it('is what files held before the first daemon, too', () => {
    start({ files: new Map([[interrupt, '0-3']]) });
    expect([...start().left]).toEqual([[interrupt, '0-3']]);
  });

  it('leaves alone what the operator turned off while no engine had anything to do with it', () => {
    const daemon = start();
    card.on.delete('rxVlan');
    daemon.stop();
    expect(now()).toEqual({ on: ['gro'], queues: 2 });
  });

  it.each([
    ['the machine has booted since', { boot: 'b' }, 7],
    ['the device was made anew', {}, 8],
  ])('is as it is found where %s', (_, how, ifindex) => {
    start();
    card.ifindex = ifindex;
    start(how).stop();
    expect(now()).toEqual(underTorii);
  });

  it('is forgotten, which is said, where the note is damaged or names files that are none of ours', () => {
    start();
    writeFileSync(note(), readFileSync(note(), 'utf8').replace('"files":{}', '"files":{"/etc/passwd":"x"}'));
    expect(start().left.size).toBe(0);
    writeFileSync(note(), 'no JSON');
    start().stop();
    expect(warnings.map((text) => text.slice(0, text.indexOf(':')))).toEqual([
      `${note()} is of no use, so what a former torii changed may stay changed`,
      `${note()} is of no use, so what a former torii changed may stay changed`,
    ]);
  });

  it('cannot be noted in a directory that cannot be made, which is said; all else goes on', () => {
    rmSync(directory, { recursive: true });
    writeFileSync(directory, 'a file');
    start().stop();
    expect(now()).toEqual(before);
    expect(warnings.join('\n')).toContain('after a crash devices would keep the settings of torii');
  });

  it.skipIf(!existsSync('/sys/class/net/lo'))('is read as the kernel has it', () => {
    expect(loadNetAddon().features('lo')).toEqual({ gro: expect.any(Boolean), lro: false, rxVlan: false });
    expect(() => loadNetAddon().features('no-such-card')).toThrow('No such device');
    expect(() => loadNetAddon().turnOn('lo', 'tso' as Feature)).toThrow('gro, lro or rxVlan');
  });
});
