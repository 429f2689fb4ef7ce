import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkDocument } from '../../../src/config/check-document.ts';
import { parseOrThrow } from '../../../src/config/parse.ts';
import { hostIntent, prefixText } from '../../../src/host/intent.ts';

const directory = fileURLToPath(new URL('../../../deploy/examples/', import.meta.url));
const examples = readdirSync(directory).filter((name) => name.endsWith('.yaml'));
const text = (name: string) => readFileSync(directory + name, 'utf8');

describe('the example documents', () => {
  it('are four', () => expect(examples).toHaveLength(4));

  it.each(examples)('%s has no problem', (name) => {
    const { problems, summary } = checkDocument(text(name), name);
    expect(problems).toEqual([]);
    expect(summary).not.toBeNull();
  });

  it.each(['cluster.yaml', 'local.yaml'])('warn of nothing in %s', (name) => {
    expect(checkDocument(text(name), name).warnings).toEqual([]);
  });

  it('make a backend of the host', () => {
    const { config } = parseOrThrow(text('host.yaml'), 'host.yaml');
    expect(hostIntent(config).vips.map(prefixText)).toEqual(['203.0.113.10/32']);
  });
});
