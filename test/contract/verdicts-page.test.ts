// The verdict table of docs/packet-path.md is what native/core/layout.h says.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadDataplaneAddon } from '../../src/dataplane/addon.ts';

it('documents every verdict of the packet path, by number, and no other', () => {
  const page = readFileSync(new URL('../../docs/packet-path.md', import.meta.url), 'utf8');
  const documented = /<!-- verdicts:.*?-->\n(.*)\n<!-- \/verdicts -->/s.exec(page)?.[1];
  const rows = loadDataplaneAddon()
    .layout()
    .verdicts.map(({ number, kind, reason }) => `| ${number} | ${kind} | ${reason === 'none' ? '–' : `\`${reason}\``} |`);
  expect(documented).toBe(['| number | verdict | reason |', '|---|---|---|', ...rows].join('\n'));
});
