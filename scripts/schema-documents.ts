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
import { builtinNotifiers } from '../src/core/notify/builtin.ts';
import { apiscpSettingsSchema } from '../src/panels/apiscp/settings.ts';
import { genericSettingsSchema } from '../src/panels/generic/settings.ts';

const { on } = configSchema.properties.notify.items.properties;

/** An entry of `notify`: the settings of the notifier, and which events it is told where it leaves the choice. */
const notifierSchemas = builtinNotifiers.map(({ name, events, settingsSchema }) => {
  const own = settingsSchema as { readonly properties: JsonSchema };
  const properties = { ...own.properties, ...(events === undefined ? { on } : {}) };
  return [`notifier-${name}.schema.json`, { ...own, properties }] as const;
});

export const schemaDocuments: Readonly<Record<string, JsonSchema>> = {
  'config.schema.json': configSchema,
  'addin-configuration.schema.json': addinConfigurationSchema,
  'addin-manifest.schema.json': addinManifestSchema,
  'provider-chain.schema.json': chainSettingsSchema,
  'panel-apiscp.schema.json': apiscpSettingsSchema,
  'panel-generic.schema.json': genericSettingsSchema,
  ...Object.fromEntries(notifierSchemas),
  ...jsonDocuments,
};

export function schemaText(schema: JsonSchema): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}
