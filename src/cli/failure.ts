// What a failed verb prints on standard error: what is wrong, its particulars, and what to do next.

import type { ErrorCode, ToriiError } from '../errors.ts';
import { clean } from './table.ts';

const nextSteps: Partial<Record<ErrorCode, string>> = {
  usage: 'torii help lists the verbs, torii VERB --help shows one with an example',
  bad_request: 'torii VERB --help shows how it is written',
  api_unreachable: 'is the daemon running (systemctl status torii)? Name another node with --api or TORII_API',
  no_privilege: 'run as root, or as a member of group torii (usermod -aG torii USER, then log in again)',
  not_ready: 'torii status says what it waits for',
  config_guarded: 'look at the document first; torii reload --force applies it all the same',
  revision_stale: 'look again (torii status), then repeat with the revision shown',
  config_invalid: 'mend the document and run torii check FILE; the last good one stays in force',
  internal: 'this is a defect: the log (journalctl -u torii) has the particulars',
};

/** Lines ready to print. */
export function failureText(error: ToriiError): string {
  const next = nextSteps[error.code];
  const lines = [error.message, ...particulars(error), ...(next === undefined ? [] : [`next: ${next}`])];
  return `${lines.map(clean).join('\n  ')}\n`;
}

/** The list of a document's problems, where the error carries one beside its message. */
function particulars({ message, detail }: ToriiError): readonly string[] {
  if (!Array.isArray(detail)) return [];
  return detail.filter((each): each is string => typeof each === 'string' && !message.includes(each));
}
