/** The `s3` store: any S3-compatible bucket. The SDK is loaded when a store is opened, not before. */

import { type StoreDefinition, storeContract } from '../../core/index.ts';
import { readSettings, settingsSchema } from './settings.ts';

export const s3Store: StoreDefinition = {
  kind: 'store',
  name: 's3',
  version: '1.0.0',
  contract: storeContract,
  settingsSchema,
  async open(settings) {
    const { openS3Store } = await import('./s3-store.ts');
    return openS3Store(readSettings(settings));
  },
  async setup(settings) {
    const { S3Setup } = await import('./setup/s3-setup.ts');
    return new S3Setup(readSettings(settings));
  },
};
