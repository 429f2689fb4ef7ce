// Runs ip, tc and the loader; turns their complaints into errors that an operator can act on.

import { spawn } from 'node:child_process';
import { ToriiError } from '../errors.ts';

/** Resolves with standard output; rejects with no_privilege, device_unknown or internal, naming the command. */
export function run(argv: readonly string[], input = ''): Promise<string> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    // A program that ends without reading its input is judged by its exit status.
    child.stdin.on('error', () => {});
    child.on('error', (error) => reject(new ToriiError('internal', `cannot run ${program}: ${error.message}`, { cause: error })));
    child.on('close', (status) => {
      if (status === 0) resolve(output);
      else reject(failure(argv, complaint.trim()));
    });
    child.stdin.end(input);
  });
}

function failure(argv: readonly string[], complaint: string): ToriiError {
  const command = argv.join(' ');
  if (/not permitted|permission denied/i.test(complaint)) {
    const advice =
      'run torii host as root or with CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON (see deploy/systemd/torii-host.service)';
    return new ToriiError('no_privilege', `"${command}" is not permitted (${complaint}); ${advice}`);
  }
  if (/cannot find device|does not exist|no device/i.test(complaint)) {
    return new ToriiError('device_unknown', `"${command}" failed: ${complaint}`);
  }
  return new ToriiError('internal', `"${command}" failed: ${complaint}`);
}
