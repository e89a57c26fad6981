/**
 * Every document that has a published schema: file name under `schemas/` and its one source.
 *
 * Add a schema here and run `npm run schemas`; a test fails while the files differ from the source.
 */

import { chainSettingsSchema } from '../src/addins/chain/settings.ts';
import { jsonDocuments } from '../src/cli/documents/index.ts';
import { addinManifestSchema } from '../src/core/addins/manifest-schema.ts';
import { addinConfigurationSchema } from '../src/core/config/addin-schema.ts';
import { configSchema } from '../src/core/config/config-schema.ts';
import type { JsonSchema } from '../src/core/index.ts';
import { apiscpSettingsSchema } from '../src/panels/apiscp/settings.ts';
import { genericSettingsSchema } from '../src/panels/generic/settings.ts';

export const schemaDocuments: Readonly<Record<string, JsonSchema>> = {
  'config.schema.json': configSchema,
  'addin-configuration.schema.json': addinConfigurationSchema,
  'addin-manifest.schema.json': addinManifestSchema,
  'provider-chain.schema.json': chainSettingsSchema,
  'panel-apiscp.schema.json': apiscpSettingsSchema,
  'panel-generic.schema.json': genericSettingsSchema,
  ...jsonDocuments,
};

export function schemaText(schema: JsonSchema): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}
