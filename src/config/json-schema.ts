// The document's schema as JSON Schema (draft 2020-12), for editors and for `torii schema`. Made from schema.ts, so
// the two cannot disagree; rules between keys (rules.ts) are beyond it. Pure.

import { z } from 'zod';
import { documentSchema } from './schema.ts';

/** What operators write: keys with a default are optional. */
export function documentJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(documentSchema, { io: 'input', target: 'draft-2020-12' });
  return { $schema, title: 'Torii configuration document', ...rest };
}

/** The text that `torii schema` prints. */
export function documentJsonSchemaText(): string {
  return `${JSON.stringify(documentJsonSchema(), null, 2)}\n`;
}
