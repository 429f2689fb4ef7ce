// Runs a host agent as a process of its own, to be started inside a network namespace:
//
//     node dist/test/support/host-agent.js CONFIG STATE-DIRECTORY NATIVE-DIRECTORY
//
// One JSON line per log message on standard output. SIGHUP reloads, SIGTERM ends it in order.

import { FileSource } from '../../src/config/file-source.ts';
import { messageOf, ToriiError } from '../../src/errors.ts';
import { runHostAgent } from '../../src/host/agent.ts';

const [config = '', stateDirectory = '', nativeDirectory = ''] = process.argv.slice(2);
const say = (level: string) => (fields: object, message: string) => console.log(JSON.stringify({ level, message, ...fields }));
const log = { info: say('info'), warn: say('warn'), error: say('error') };

const starting = runHostAgent({ source: new FileSource(config), stateDirectory, nativeDirectory, log, lookIntervalMs: 100 });
// A signal that comes while the agent still starts is obeyed when it has started.
process.on('SIGHUP', () => void starting.then((agent) => agent.reload()));
process.on('SIGTERM', () => void starting.then((agent) => agent.close()));
starting.catch((error: unknown) => {
  log.error({ code: error instanceof ToriiError ? error.code : 'internal' }, messageOf(error));
  process.exitCode = 1;
});
