// yaml.ts: YAML -> a document of plain values whose keys differ. The library's own check compares each key with all others, which takes
// minutes for a megabyte of them.

import { isScalar, parseDocument, visit, type Document, type SchemaOptions } from 'yaml';

/** Aliases that a document may follow: it cannot multiply by them. For `toJS`. */
export const MAX_ALIASES = 100;

/** Tags run nothing. @throws Error that says what is wrong with the text */
export function parsedYaml(text: string, schema: Pick<SchemaOptions, 'schema'> = {}): Document {
  const document = parseDocument(text.replaceAll(/\r\n?/g, '\n'), { logLevel: 'error', uniqueKeys: false, ...schema }); // prettier-ignore
  const [error] = document.errors;
  if (error) throw error.code === 'MULTIPLE_DOCS' ? new Error('it holds several documents') : error;
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        const value = isScalar(key) ? key.value : key;
        if (seen.has(value)) throw new Error(`key ${String(value)} is there twice`);
        seen.add(value);
      }
    },
  });
  return document;
}
