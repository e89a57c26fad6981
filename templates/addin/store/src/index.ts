/** What Holdfast finds in this package: the definition of the store, beside what package.json says of it. */

import { createRequire } from 'node:module';
import type { StoreDefinition } from 'holdfast';
import { openStore, type StoreSettings } from './store.ts';

const { version, holdfast } = createRequire(import.meta.url)('../package.json');

const definition: StoreDefinition = {
  kind: 'store',
  name: '{{name}}',
  version,
  // Of the contract that this was written for, not of the one that the host has.
  contract: 1,
  settingsSchema: holdfast.addins[0].settings,
  open: async (settings) => openStore(settings as unknown as StoreSettings),
};

export default definition;
