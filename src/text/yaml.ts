// yaml.ts: YAML -> plain values, from one document whose keys differ. The library's own check compares each key with all others, which takes
// minutes for a megabyte of them.

import { isScalar, parseDocument, visit, type SchemaOptions, type ToJSOptions } from 'yaml';

/** Aliases in a document, and what one of them may multiply by: to resolve each the library goes through all anchors. */
const MAX_ALIASES = 100;

type Reading = Pick<SchemaOptions, 'schema'> & Pick<ToJSOptions, 'mapAsMap'>;

/** Tags run nothing. @throws Error that says what is wrong with the text */
export function parsedYaml(text: string, { mapAsMap = false, ...schema }: Reading = {}): unknown {
  const document = parseDocument(text.replaceAll(/\r\n?/g, '\n'), { logLevel: 'error', uniqueKeys: false, ...schema }); // prettier-ignore
  const [error] = document.errors;
  if (error) throw error.code === 'MULTIPLE_DOCS' ? new Error('it holds several documents') : error;
  let aliases = 0;
  visit(document, {
    Alias() {
      aliases += 1;
      if (aliases > MAX_ALIASES) throw new Error(`it has more than ${MAX_ALIASES} aliases`);
    },
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        const value = isScalar(key) ? key.value : key;
        if (seen.has(value)) throw new Error(`key ${String(value)} is there twice`);
        seen.add(value);
      }
    },
  });
  return document.toJS({ mapAsMap, maxAliasCount: MAX_ALIASES });
}
