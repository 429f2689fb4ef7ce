// `torii interrupts bind | restore`: does with root's rights what the unprivileged service may not, to write where the interrupts of receive
// queues go (ExecStartPost=+ and ExecStopPost=+ of deploy/systemd/torii.service). A process of its own, which ends at once.
//
// What the daemon says is not believed but as names of devices and numbers of cores: nothing is written but a core's number to the
// interrupts of a card's queues, and 0 to their rps_cpus. What was there before is kept where only root may write.

import { rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { readIfThere } from '../config/state-dir.ts';
import { ToriiError } from '../errors.ts';
import { bindingPath } from './device-settings.ts';
import { bindQueues, restoreSettings } from './interrupts.ts';

const coresMax = 8192;
const deviceName = /^[^/\s]{1,15}$/;
const noteSchema = z.record(z.string().regex(bindingPath), z.string().regex(/^[0-9a-f,-]*$/));

export interface Places {
  /** Keeps what was there. */
  readonly note: string;
  /** In front of /proc and /sys. */
  readonly root: string;
}

const places: Places = { note: '/run/torii-interrupts.json', root: '' };

export interface BindRequest {
  readonly devices: readonly string[];
  /** By worker; empty: workers run anywhere. */
  readonly cores: readonly number[];
}

/** Returns what it did, in lines. Throws bad_request where the daemon names what is no device or no core. */
export function bindInterrupts({ devices, cores }: BindRequest, { note, root } = places): readonly string[] {
  const device = devices.find((name) => !deviceName.test(name) || name === '.' || name === '..');
  if (device !== undefined)
    throw new ToriiError('bad_request', `expected the name of a network device, got ${JSON.stringify(device)}`);
  const core = cores.find((number) => !Number.isInteger(number) || number < 0 || number >= coresMax);
  if (core !== undefined) throw new ToriiError('bad_request', `expected the number of a processor core, got ${core}`);
  if (cores.length === 0) return ['packet workers run on any core: interrupts stay where they are'];
  const { before, lines } = bindQueues({ devices, cores, root, left: readNote(note, root) });
  const held = [...before].map(([path, value]) => [path.slice(root.length), value] as const);
  writeFileSync(note, JSON.stringify(Object.fromEntries(held)), { mode: 0o600 });
  return lines;
}

/** Puts back what was there before the first bindInterrupts. */
export function restoreInterrupts({ note, root } = places): readonly string[] {
  const before = readNote(note, root);
  restoreSettings(before);
  rmSync(note, { force: true });
  return [`${before.size} settings of queues put back`];
}

function readNote(note: string, root: string): ReadonlyMap<string, string> {
  const text = readIfThere(dirname(note), note.slice(dirname(note).length + 1));
  if (text === undefined) return new Map();
  return new Map(Object.entries(noteSchema.parse(JSON.parse(text))).map(([path, value]) => [`${root}${path}`, value]));
}
