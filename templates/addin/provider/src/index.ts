/** What Holdfast finds in this package: the definition of the provider, beside what package.json says of it. */

import { createRequire } from 'node:module';
import type { ProviderDefinition } from 'holdfast';
import { capabilities, openProvider, type ProviderSettings } from './provider.ts';

const { version, holdfast } = createRequire(import.meta.url)('../package.json');

const definition: ProviderDefinition = {
  kind: 'provider',
  name: '{{name}}',
  version,
  // Of the contract that this was written for, not of the one that the host has.
  contract: 1,
  settingsSchema: holdfast.addins[0].settings,
  capabilities,
  open: async ({ store, settings }) => openProvider(store, settings as ProviderSettings),
};

export default definition;
