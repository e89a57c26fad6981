/** The store `rclone`: any remote that rclone knows. */

import type { StoreDefinition } from '../../core/index.ts';
import { storeContract } from '../../core/index.ts';
import { rcloneNeeds } from './needs.ts';
import { readSettings, settingsSchema } from './settings.ts';

export const rcloneStore: StoreDefinition = {
  kind: 'store',
  name: 'rclone',
  version: '1.0.0',
  contract: storeContract,
  settingsSchema,
  directories(settings) {
    const { directory } = rcloneNeeds(settings, process.env);
    return directory === undefined ? [] : [directory];
  },
  async open(settings) {
    const { openRcloneStore } = await import('./rclone-store.ts');
    return openRcloneStore(readSettings(settings));
  },
};
