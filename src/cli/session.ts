// One run of a verb: the process's ends, and the nodes it speaks to.

import type { Command } from 'commander';
import { Client, defaultApi } from './client.ts';
import type { Io } from './io.ts';
import type { Screen } from './table.ts';

export interface Session {
  readonly io: Io;
  readonly clients: readonly Client[];
  readonly screen: Screen;
}

/** --api (repeatable), else TORII_API (comma-separated), else the local socket. */
export function openSession(command: Command, io: Io): Session {
  const { api = [] } = command.optsWithGlobals<{ api?: readonly string[] }>();
  const fromEnv = (io.env['TORII_API'] ?? '').split(',').filter((each) => each !== '');
  const apis = api.length > 0 ? api : fromEnv.length > 0 ? fromEnv : [defaultApi];
  return {
    io,
    clients: [...new Set(apis)].map((each) => new Client(each, io.operator)),
    screen: screenOf(io),
  };
}

/** As it is now: clock and width change under --watch. */
export function screenOf(io: Io): Screen {
  return { hasColour: io.hasColour, nowMs: io.now(), widthColumns: io.widthColumns ?? undefined };
}

export function collectApi(api: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), api];
}
