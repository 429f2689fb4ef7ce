import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkDocument } from '../../../src/config/check-document.ts';
import { documentJsonSchema, documentJsonSchemaText } from '../../../src/config/json-schema.ts';
import { expectedTableSize, isPrime } from '../../../src/config/primes.ts';
import { unsupported } from '../../../src/config/unsupported.ts';

const examples = fileURLToPath(new URL('../../../deploy/examples', import.meta.url));

describe('the example documents', () => {
  const names = readdirSync(examples).filter((name) => name.endsWith('.yaml'));

  it('are there', () => {
    expect(names.length).toBeGreaterThanOrEqual(3);
  });

  it.each(names)('%s is accepted', (name) => {
    expect(checkDocument(readFileSync(join(examples, name), 'utf8'), name).problems).toEqual([]);
  });
});

describe('the published JSON Schema', () => {
  const schema = documentJsonSchema() as {
    readonly required: readonly string[];
    readonly additionalProperties: boolean;
    readonly properties: Record<string, { readonly additionalProperties?: unknown; readonly required?: readonly string[] }>;
  };

  it('asks for the version alone and refuses unknown keys', () => {
    expect(schema.required).toEqual(['version']);
    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties)).toEqual(['version', 'node', 'cluster', 'plans', 'tenants', 'pools']);
    expect(schema.properties['node']?.additionalProperties).toBe(false);
    expect(schema.properties['node']?.required).toBeUndefined();
  });

  it('is text for `torii schema`', () => {
    expect(JSON.parse(documentJsonSchemaText())).toEqual(schema);
  });
});

describe('the list of what is not supported', () => {
  it('names only places that the schema knows', () => {
    const text = documentJsonSchemaText();
    for (const { path } of unsupported) for (const key of path) if (key !== '*') expect(text).toContain(`"${String(key)}"`);
  });
});

describe('a number that is no size of a table', () => {
  it.each([
    [65536, '65521 and 65537'],
    [252, '251 and 257'],
    [655_372, '655357 and 655373'],
    [65537.5, '65537 and 65539'],
    [250, '251'],
    [-7, '251'],
    [Number.NaN, '251'],
    [1e9, '655373'],
    [Number.POSITIVE_INFINITY, '655373'],
  ])('has near it, like %d', (number, nearest) => {
    expect(expectedTableSize(number)).toBe(`a prime 251..655373 (nearest: ${nearest})`);
  });

  it('is text, too', () => {
    expect(expectedTableSize('65537')).toBe('a prime 251..655373');
  });

  it('is told from those that are', () => {
    expect([251, 65537, 655_373].every(isPrime)).toBe(true);
    expect([0, 1, 4, 65536, 655_371].some(isPrime)).toBe(false);
  });
});
