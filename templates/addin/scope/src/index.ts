/** What Holdfast finds in this package: the definition of the scope, beside what package.json says of it. */

import { createRequire } from 'node:module';
import type { ScopeDefinition } from 'holdfast';
import { openScopes, type ScopeSettings } from './scope.ts';

const { version, holdfast } = createRequire(import.meta.url)('../package.json');

const definition: ScopeDefinition = {
  kind: 'scope',
  name: '{{name}}',
  version,
  // Of the contract that this was written for, not of the one that the host has.
  contract: 1,
  settingsSchema: holdfast.addins[0].settings,
  open: async (settings) => openScopes(settings as unknown as ScopeSettings),
};

export default definition;
