/** The store `local`: a directory on this machine or on whatever is mounted there. */

import { resolve } from 'node:path';
import type { Settings, StoreDefinition } from '../../core/index.ts';
import { storeContract } from '../../core/index.ts';

export const localStore: StoreDefinition = {
  kind: 'store',
  name: 'local',
  version: '1.0.0',
  contract: storeContract,
  settingsSchema: {
    type: 'object',
    title: 'Store in a directory',
    description: 'Keeps backups in a directory; it is made at the first backup, for its owner alone.',
    additionalProperties: false,
    required: ['use', 'path'],
    properties: {
      use: { const: 'local', description: 'Selects this store.' },
      path: {
        type: 'string',
        pattern: '^/.*[^/]',
        description: 'Absolute path of the directory. Keep it on another disk than the accounts.',
        examples: ['/var/backups/holdfast'],
      },
    },
  },
  directories: (settings) => [rootOf(settings)],
  async open(settings) {
    const { LocalStore } = await import('./local-store.ts');
    return new LocalStore(rootOf(settings));
  },
  async setup(settings) {
    const { LocalSetup } = await import('./local-setup.ts');
    return new LocalSetup(rootOf(settings));
  },
};

function rootOf({ path }: Settings): string {
  if (typeof path !== 'string') throw new TypeError('the local store needs the setting path');
  return resolve(path);
}
