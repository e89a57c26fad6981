/** Writes `schemas/*.schema.json` from their sources. Run it after a schema has changed. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { schemaDocuments, schemaText } from './schema-documents.ts';

const directory = join(import.meta.dirname, '../schemas');
await mkdir(directory, { recursive: true });
for (const [name, schema] of Object.entries(schemaDocuments)) {
  await writeFile(join(directory, name), schemaText(schema));
  console.log(`wrote schemas/${name}`);
}
