// Holds the code against docs/architecture.md: what may import what, which files are pure, who loads native code.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

function filesBelow(folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name))
    .sort();
}

const text = (file: string): string => readFileSync(join(root, file), 'utf8');

interface Imports {
  readonly local: readonly string[];
  readonly packages: readonly string[];
}

/** Project files and package names that a source imports, also while it runs; `values`: without those that are types alone. */
function importsOf(file: string, which: 'all' | 'values' = 'all'): Imports {
  const code = text(file);
  const written = [...code.matchAll(/^(?:import|export) (type )?([^;]*?)from '([^']+)';/gms)]
    .filter(([, type, names = '']) => which === 'all' || (type === undefined && !isTypesAlone(names)))
    .map(([, , , from = '']) => from);
  const others = [...code.matchAll(/^import '([^']+)'|\bimport\('([^']+)'\)/gm)].map(([, bare, late]) => bare ?? late ?? '');
  const names = [...written, ...others];
  const isLocal = (name: string): boolean => name.startsWith('.');
  return {
    local: names.filter(isLocal).map((name) => relative(root, resolve(root, dirname(file), name))),
    packages: names.filter((name) => !isLocal(name)),
  };
}

function isTypesAlone(names: string): boolean {
  const listed = /^\{(.*)\} $/s
    .exec(names)?.[1]
    ?.split(',')
    .map((name) => name.trim());
  return listed?.every((name) => name === '' || name.startsWith('type ')) ?? false;
}

/** The comment that opens a file. */
function opening(file: string): string {
  return /^(?:\/\/.*\n)*/.exec(text(file))?.[0] ?? '';
}

const sources = filesBelow('src', /\.ts$/);

const pureFiles = sources.filter((file) => /^src\/(model|steering)\//.test(file) || /\bPure\b|[Tt]ypes only/.test(opening(file)));

/** Pure by docs/architecture.md, or what the packet path's answers stand on: whatever they say of themselves. */
const mustBePure = [
  'src/control/desired.ts',
  'src/control/desired-pool.ts',
  'src/control/diff.ts',
  'src/control/guard.ts',
  'src/control/assumed.ts',
  'src/control/announce-state.ts',
  'src/control/routes.ts',
  'src/control/draining.ts',
  'src/control/hold-down.ts',
  'src/control/vip-state.ts',
  'src/control/path-watch.ts',
  'src/capture/block-writer.ts',
  'src/capture/blocks.ts',
  'src/capture/filter.ts',
  'src/capture/records.ts',
  'src/replay/clock.ts',
  'src/replay/pcapng-format.ts',
  'src/replay/pcapng-time.ts',
  'src/replay/report.ts',
  'src/health/dampener.ts',
  'src/bgp/constants.ts',
  'src/bgp/messages.ts',
  'src/bgp/notification.ts',
  'src/bgp/fsm.ts',
  'src/bgp/exabgp-config.ts',
  'src/bgp/exabgp-commands.ts',
  'src/bgp/exabgp-events.ts',
];

describe('the rooms', () => {
  it('are all there to be looked at', () => {
    expect(sources.length).toBeGreaterThan(100);
    for (const file of mustBePure) expect(pureFiles).toContain(file);
  });

  it('keep model free of everything but errors', () => {
    for (const file of sources.filter((name) => name.startsWith('src/model/'))) {
      for (const imported of importsOf(file).local) expect(imported, file).toMatch(/^src\/(model\/|errors\.ts$)/);
    }
  });

  it('keep pure files free of timers, sockets, files, loggers and clocks', () => {
    const impure =
      /\b(setTimeout|setInterval|setImmediate|Date\.now|performance\.now|new Date\(\)|process\.|console\.|Math\.random)/;
    const allowed = new Set(['node:crypto', 'node:net', 'node:util', 'node:module', 'ipaddr.js', 'js-yaml', 'zod']);
    for (const file of pureFiles) {
      const code = text(file).replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '');
      expect(impure.exec(code)?.[0], file).toBeUndefined();
      for (const name of importsOf(file, 'values').packages) expect(allowed.has(name), `${file} imports ${name}`).toBe(true);
      if (/from 'node:net'/.test(code)) expect(code, file).toMatch(/import \{ isIP[^}]*\} from 'node:net'/);
    }
  });

  it('let pure files import only pure files, model and errors, but for types', () => {
    const isPure = new Set([...pureFiles, 'src/errors.ts']);
    for (const file of pureFiles) {
      for (const imported of importsOf(file, 'values').local)
        expect(isPure.has(imported), `${file} imports ${imported}`).toBe(true);
    }
  });

  it('load native code in one file per addon', () => {
    const loaders = sources.filter((file) => /\.node`|\.node'|\.node"/.test(text(file)));
    expect(loaders).toEqual(['src/dataplane/addon.ts', 'src/net.ts']);
  });

  it('let the CLI reach the node by HTTP alone', () => {
    for (const file of sources.filter((name) => name.startsWith('src/cli/'))) {
      for (const imported of importsOf(file).local) {
        expect(imported, file).not.toMatch(/^src\/(bgp|control|dataplane|health|host|metrics|api)\//);
      }
    }
  });

  it('show the document type to config, control, the host agent and the composition root alone', () => {
    const readers = sources.filter((file) => importsOf(file).local.includes('src/config/config.ts'));
    for (const file of readers) expect(file).toMatch(/^src\/(config|control|host|api)\/|^src\/main\.ts$|^src\/balancer/);
  });
});

describe('the native rooms', () => {
  const core = filesBelow('native/core', /\.h$/);

  it('keep the core freestanding', () => {
    expect(core.length).toBeGreaterThan(8);
    for (const file of core) {
      for (const [, name] of text(file).matchAll(/^#include [<"]([^>"]+)[>"]/gm)) {
        expect(['platform.h', ...core.map((other) => other.replace('native/core/', ''))], file).toContain(name);
      }
    }
  });

  it('know Node-API through one header, which only glue files include', () => {
    const files = filesBelow('native', /\.[ch]$/).filter((file) => !file.startsWith('native/build/'));
    const knowing = files.filter((file) => text(file).includes('node_api.h'));
    expect(knowing).toEqual(['native/glue.h']);
    expect(files.filter((file) => /#include ".*glue\.h"/.test(text(file)))).toEqual([
      'native/dataplane/addon.c',
      'native/dataplane/capture_glue.h',
      'native/dataplane/engine_glue.h',
      'native/dataplane/facts_glue.h',
      'native/dataplane/handles_glue.h',
      'native/dataplane/layout_glue.h',
      'native/dataplane/live_glue.h',
      'native/dataplane/memory_glue.h',
      'native/dataplane/tables_glue.h',
      'native/net/addon.c',
      'native/net/bfd_glue.c',
      'native/net/bfd_glue.h',
      'native/net/net_glue.h',
      'native/net/sockets_glue.c',
      'native/net/sockets_glue.h',
      'native/test/bpf_run.c',
    ]);
  });
});
