#!/usr/bin/env node
// The program: hands the command line to the CLI and launches roles and replays. Their rooms are loaded only when they are
// launched, so that `torii status` does not wait for BGP to be read from disk.

import { readFileSync } from 'node:fs';
import { runCli } from './cli/run.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

process.exitCode = await runCli({
  args: process.argv.slice(2),
  version,
  launchers: {
    balancer: async ({ config }) => (await import('./balancer/run.ts')).runBalancer({ config, version }),
    host: async ({ config }) => (await import('./host/run.ts')).runHost({ config }),
    interrupts: {
      bind: async (request) => (await import('./balancer/bind-interrupts.ts')).bindInterrupts(request),
      restore: async () => (await import('./balancer/bind-interrupts.ts')).restoreInterrupts(),
    },
    replay: async (options, streams) => (await import('./replay/run.ts')).runReplay(options, streams),
  },
});
