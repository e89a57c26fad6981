/** What Holdfast finds in this package: the definition of the notifier, beside what package.json says of it. */

import { createRequire } from 'node:module';
import type { NotifierDefinition } from 'holdfast';
import { type NotifierSettings, openNotifier } from './notifier.ts';

const { version, holdfast } = createRequire(import.meta.url)('../package.json');

const definition: NotifierDefinition = {
  kind: 'notifier',
  name: '{{name}}',
  version,
  // Of the contract that this was written for, not of the one that the host has.
  contract: 1,
  settingsSchema: holdfast.addins[0].settings,
  open: async (settings) => openNotifier(settings as unknown as NotifierSettings),
};

export default definition;
