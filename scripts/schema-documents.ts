/**
 * Every document that has a published schema: file name under `schemas/` and its one source.
 *
 * Add a schema here and run `npm run schemas`; a test fails while the files differ from the source.
 */

import { chainProvider } from '../src/addins/chain/index.ts';
import { localStore } from '../src/addins/local/index.ts';
import { rcloneStore } from '../src/addins/rclone/index.ts';
import { s3Store } from '../src/addins/s3/index.ts';
import { s3TarProvider } from '../src/addins/s3-tar/index.ts';
import { jsonDocuments } from '../src/cli/documents/index.ts';
import { addinConfigurationSchema } from '../src/core/config/addin-schema.ts';
import { configSchema } from '../src/core/config/config-schema.ts';
import type { JsonSchema } from '../src/core/index.ts';
import { builtinNotifiers } from '../src/core/notify/builtin.ts';
import { addinManifestSchema } from '../src/core/packages/manifest-schema.ts';
import { apiscpPanel } from '../src/panels/apiscp/index.ts';
import { genericPanel } from '../src/panels/generic/index.ts';

const { on } = configSchema.properties.notify.items.properties;

/** An entry of `notify`: the settings of the notifier, and which events it is told where it leaves the choice. */
const notifierSchemas = builtinNotifiers.map(({ name, events, settingsSchema }) => {
  const own = settingsSchema as { readonly properties: JsonSchema };
  const properties = { ...own.properties, ...(events === undefined ? { on } : {}) };
  return [`notifier-${name}.schema.json`, { ...own, properties }] as const;
});

/** What stands beside `use` in a configuration. */
const addinSchemas = [
  localStore,
  s3Store,
  rcloneStore,
  s3TarProvider,
  chainProvider,
  apiscpPanel,
  genericPanel,
].map(({ kind, name, settingsSchema }) => [`${kind}-${name}.schema.json`, settingsSchema] as const);

export const schemaDocuments: Readonly<Record<string, JsonSchema>> = {
  'config.schema.json': configSchema,
  'addin-configuration.schema.json': addinConfigurationSchema,
  'addin-manifest.schema.json': addinManifestSchema,
  ...Object.fromEntries(addinSchemas),
  ...Object.fromEntries(notifierSchemas),
  ...jsonDocuments,
};

export function schemaText(schema: JsonSchema): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}
