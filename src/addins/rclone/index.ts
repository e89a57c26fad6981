/** The store `rclone`: any remote that rclone knows. */

import type { StoreDefinition } from '../../core/index.ts';
import { storeContract } from '../../core/index.ts';
import { openRcloneStore } from './rclone-store.ts';
import { readSettings, settingsSchema } from './settings.ts';

export const rcloneStore: StoreDefinition = {
  kind: 'store',
  name: 'rclone',
  version: '1.0.0',
  contract: storeContract,
  settingsSchema,
  open: async (settings) => openRcloneStore(readSettings(settings)),
};
