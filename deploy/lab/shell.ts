// Runs commands for the lab and makes their failures readable.
//
// Commands are argument lists, never shell text. Namespaces are entered with nsenter and not with `ip netns exec`,
// because the latter mounts a /sys of its own that hides bpffs from programs that pin BPF objects there.

import { spawn } from 'node:child_process';
import { ToriiError } from '../../src/errors.ts';

/** Daemons live in sbin, which the PATH of a root shell does not always have. */
export const searchPath = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
export const environment: NodeJS.ProcessEnv = { ...process.env, PATH: searchPath };

export interface RunOptions {
  /** Network namespace to run in; absent: the caller's. */
  readonly namespace?: string;
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** The argument list that runs `argv` inside a named network namespace. nsenter execs, so the pid is the program's own. */
export function inNamespace(namespace: string | undefined, argv: readonly string[]): readonly string[] {
  return namespace === undefined ? argv : ['nsenter', `--net=/run/netns/${namespace}`, '--', ...argv];
}

/** Standard output of a command that exits 0; anything else throws with its standard error. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const [program = '', ...args] = inNamespace(options.namespace, argv);
  const child = spawn(program, args, {
    stdio: 'pipe',
    env: environment,
    timeout: options.timeoutMs ?? 20_000,
    killSignal: 'SIGKILL',
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  // A program may exit without reading its input; its exit status tells the story, not EPIPE.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const status = await new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code === 0 ? 'ok' : (signal ?? `exit ${code}`)));
  });
  if (status === 'ok') return Buffer.concat(out).toString();
  const said = Buffer.concat(err).toString().trim() || Buffer.concat(out).toString().trim();
  throw new ToriiError('internal', `${argv.join(' ')}${options.namespace ? ` in ${options.namespace}` : ''}: ${status}: ${said}`);
}

/** Like `run`, but a command that fails is an expected outcome: its output, or undefined. */
export async function tryRun(argv: readonly string[], options: RunOptions = {}): Promise<string | undefined> {
  try {
    return await run(argv, options);
  } catch {
    return undefined;
  }
}
