// The life of a `torii host` process: start, signals, end. SIGHUP reloads; SIGTERM and SIGINT undo everything and end.

import { fileURLToPath } from 'node:url';
import { FileSource } from '../config/file-source.ts';
import { parseDocument } from '../config/parse.ts';
import { stateDirectory } from '../config/state-dir.ts';
import { createLogger, type LogOptions } from '../logging.ts';
import { loadNetAddon } from '../net.ts';
import { runHostAgent } from './agent.ts';

/** Resolves after an orderly end; rejects, with everything undone, when this machine cannot be a backend. */
export async function runHost({ config }: { readonly config: string }): Promise<void> {
  const source = new FileSource(config);
  const nativeDirectory = fileURLToPath(new URL('../../../native/build', import.meta.url));
  const log = createLogger(await logOptions(source));
  const net = loadNetAddon();
  const starting = runHostAgent({ source, stateDirectory: stateDirectory(process.env), nativeDirectory, log });
  // Obeyed as soon as the agent has started, should they come earlier.
  const asked = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  process.on('SIGHUP', () => {
    void starting.then(
      (agent) => agent.reload(),
      () => undefined,
    );
  });
  const agent = await starting;
  net.notify('READY=1');
  await asked;
  net.notify('STOPPING=1');
  await agent.close();
}

/** What the document says of logs; the defaults while it cannot be read, which the agent will report. */
async function logOptions(source: FileSource): Promise<LogOptions> {
  const text = await source.read().then(
    (read) => read.text,
    () => '',
  );
  const parsed = parseDocument(text);
  return parsed.kind === 'ok' ? parsed.config.node.logs : { level: 'info', format: 'auto' };
}
