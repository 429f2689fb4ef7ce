// What a failed verb prints on standard error: what is wrong, its particulars, and what to do next.
//
// The same code asks for different things of whoever started a daemon and of whoever asked one: a CliFailure knows its own
// next step, a refusal that a daemon sent has a table of its own.

import { type ErrorCode, ToriiError } from '../errors.ts';
import { clean } from './table.ts';

const secretStep = 'torii secret > FILE makes a cluster secret, the same for every node';

type NextSteps = Partial<Record<ErrorCode, string>>;

const nextSteps: NextSteps = {
  api_unreachable: 'is the daemon running (systemctl status torii)? Name another node with --api or TORII_API',
  no_privilege: 'run it as root, or with the capabilities that its unit in deploy/systemd gives it',
  not_found: 'torii vips, backends, tenants, peers and engine list what there is',
  output_failed: 'does the directory exist, has it room, and may this user write there?',
  not_here: 'set it in the document (torii check FILE tests it), then systemctl restart torii, where that may be',
  not_ready: 'torii status says what it waits for',
  config_unreadable: 'does the file exist, and may this user read it? --config names another document',
  secret_unreadable: `make the file, or let this user read it; ${secretStep}`,
  config_guarded: 'look at the document first; torii reload --force applies it all the same',
  config_invalid: 'mend the document; torii check FILE tests it',
  capacity: 'ask for less in the document; the README says under Limits how much fits',
  capture_busy: 'wait until it ends, or ask who runs it: journalctl -u torii has an audit line of each',
  restart_needed: 'systemctl restart torii, where that may be; until then the old document stays in force',
  revision_stale: 'look again (torii status), then repeat with the revision shown',
  device_unknown: "ip -br addr lists this machine's devices and addresses; mend node in the document",
  device_unusable: 'mend the device, or name another under node.devices',
  address_in_use: 'stop the other process, or give this one another address in the document',
  addon_mismatch: 'npm run build makes the native addon that belongs to this version',
  snapshot_invalid: 'this is a defect: the log (journalctl -u torii) has the particulars',
  internal: 'this is a defect: the log (journalctl -u torii) has the particulars',
};

/** Where a daemon says it of itself. */
const daemonSteps: NextSteps = {
  no_privilege: 'the daemon lacks the permission, not you: see its unit in deploy/systemd and journalctl -u torii',
  config_unreadable: 'make the file readable for the daemon, then torii reload; the last good document stays in force',
  secret_unreadable: `make the file readable for the daemon, then torii reload; ${secretStep}`,
  config_invalid: 'mend the document (torii check FILE tests it), then torii reload; the last good one stays in force',
  capacity: 'ask for less in the document, then torii reload; the last good one stays in force',
};

/** A failure whose next step is not the one of its code. */
export class CliFailure extends ToriiError {
  readonly next: string;

  constructor(code: ErrorCode, message: string, options: { readonly next: string; readonly detail?: unknown }) {
    super(code, message, { detail: options.detail });
    this.next = options.next;
  }
}

/** What a daemon answered. */
export function refusal(code: ErrorCode, message: string, detail: unknown): ToriiError {
  const next = daemonSteps[code];
  return next === undefined ? new ToriiError(code, message, { detail }) : new CliFailure(code, message, { next, detail });
}

/** Where a command line, or what a daemon was asked in its place, is not understood. */
export function helpStep(verb: string | undefined): string {
  const all = 'torii help lists the verbs';
  return verb === undefined ? `${all}, torii VERB --help shows one with an example` : `torii ${verb} --help has an example`;
}

/** Lines ready to print. */
export function failureText(error: ToriiError, verb?: string): string {
  const next = error instanceof CliFailure ? error.next : nextStep(error, verb);
  const lines = [...error.message.split('\n'), ...particulars(error), ...(next === undefined ? [] : [`next: ${next}`])];
  return `${lines.map(clean).join('\n  ')}\n`;
}

function nextStep({ code }: ToriiError, verb: string | undefined): string | undefined {
  return code === 'usage' || code === 'bad_request' ? helpStep(verb) : nextSteps[code];
}

/** The list of a document's problems, where the error carries one beside its message. */
function particulars({ message, detail }: ToriiError): readonly string[] {
  if (!Array.isArray(detail)) return [];
  return detail.filter((each): each is string => typeof each === 'string' && !message.includes(each));
}
