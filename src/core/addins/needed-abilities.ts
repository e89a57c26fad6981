/** Whether a store can do what a provider needs of it. Pure. */

import type { ProviderDefinition } from '../contracts/addin.ts';
import type { Store } from '../contracts/store.ts';
import { HoldfastError } from '../errors.ts';

/** @throws ADDIN_REFUSED the opened store cannot do something that the provider needs */
export function assertAbilities(
  store: Pick<Store, 'name' | 'capabilities'>,
  { name, capabilities }: Pick<ProviderDefinition, 'name' | 'capabilities'>,
): void {
  const missing = (capabilities.needs ?? []).filter((ability) => !store.capabilities[ability]);
  if (missing.length === 0) return;
  const message = `the provider ${name} needs ${missing.join(', ')}, which the store ${store.name} does not offer`;
  throw new HoldfastError('ADDIN_REFUSED', message, { hint: 'Use another provider, or another store.' });
}
