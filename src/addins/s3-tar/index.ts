/**
 * The provider `s3-tar`: every snapshot is a full and stands alone.
 *
 * Meant for S3 and good over any store. It keeps nothing of its own: objects go to the store under the
 * keys that core gave them, so that tar and zstd alone restore a snapshot.
 */

import type {
  Plan,
  PlanRequest,
  Provider,
  ProviderDefinition,
  ProviderPut,
  Store,
} from '../../core/index.ts';
import { HoldfastError, providerContract } from '../../core/index.ts';

const name = 's3-tar';
const capabilities = { levels: ['full'] } as const;

class S3Tar implements Provider {
  readonly name = name;
  readonly capabilities = capabilities;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async plan({ requested }: PlanRequest): Promise<Plan> {
    if (requested === 'full') return { level: 'full', parents: [], reason: 'a full was asked for' };
    if (requested === 'auto') return { level: 'full', parents: [], reason: `${name} writes only fulls` };
    throw new HoldfastError('CONFIG_INVALID', `${name} cannot write ${requested} snapshots`, {
      hint: 'Use the provider chain for differential and incremental snapshots, or the level full.',
    });
  }

  put({ kind: _, ...request }: ProviderPut) {
    return this.#store.put(request);
  }

  get(request: Parameters<Store['get']>[0]) {
    return this.#store.get(request);
  }
}

export const s3TarProvider: ProviderDefinition = {
  kind: 'provider',
  name,
  version: '1.0.0',
  contract: providerContract,
  capabilities,
  settingsSchema: {
    type: 'object',
    title: 'Provider of self-contained fulls',
    description: 'Stores everything anew in each snapshot. There is nothing to set.',
    additionalProperties: false,
    required: ['use'],
    properties: { use: { const: name, description: 'Selects this provider.' } },
    examples: [{ use: name }],
  },
  async open({ store }) {
    return new S3Tar(store);
  },
};
