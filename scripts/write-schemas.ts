/** Writes `schemas/*.schema.json` and `docs/scopes.md` from their sources. Run it after one has changed. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { schemaDocuments, schemaText } from './schema-documents.ts';
import { scopesPage } from './scopes-page.ts';

const directory = join(import.meta.dirname, '../schemas');
await mkdir(directory, { recursive: true });
for (const [name, schema] of Object.entries(schemaDocuments)) {
  await writeFile(join(directory, name), schemaText(schema));
  console.log(`wrote schemas/${name}`);
}
await writeFile(join(import.meta.dirname, '../docs/scopes.md'), scopesPage());
console.log('wrote docs/scopes.md');
