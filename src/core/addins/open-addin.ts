/**
 * Opens what an addin package contributes.
 *
 * The one place that decides in which process a package's code runs.
 */

import type { Settings } from '../contracts/addin.ts';
import type { Notifier } from '../contracts/notifier.ts';
import type { Provider, ProviderInput } from '../contracts/provider.ts';
import type { Scope } from '../contracts/scope.ts';
import type { Store } from '../contracts/store.ts';
import type { StoreSetup } from '../contracts/store-setup.ts';
import { HoldfastError } from '../errors.ts';
import { type AddinModule, importDefinition } from './addin-module.ts';

type ModuleOf<K extends AddinModule['kind']> = AddinModule & { readonly kind: K };

/** @throws ADDIN_REFUSED its module is not what the manifest says */
export async function openAddinStore(module: ModuleOf<'store'>, settings: Settings): Promise<Store> {
  return (await importDefinition(module)).open(settings);
}

/**
 * For stores whose manifest declares `setup`.
 *
 * @throws ADDIN_REFUSED as `openAddinStore`
 */
export async function openAddinSetup(module: ModuleOf<'store'>, settings: Settings): Promise<StoreSetup> {
  const setup = await (await importDefinition(module)).setup?.(settings);
  if (setup !== undefined) return setup;
  throw new HoldfastError('ADDIN_REFUSED', `the store ${module.name} declares a setup and has none`, {
    hint: 'Install another version of its package, or tell its author.',
  });
}

/** @throws ADDIN_REFUSED as `openAddinStore` */
export async function openAddinNotifier(module: ModuleOf<'notifier'>, settings: Settings): Promise<Notifier> {
  return (await importDefinition(module)).open(settings);
}

/** @throws ADDIN_REFUSED as `openAddinStore` */
export async function openAddinProvider(
  module: ModuleOf<'provider'>,
  input: ProviderInput,
): Promise<Provider> {
  return (await importDefinition(module)).open(input);
}

/** @throws ADDIN_REFUSED as `openAddinStore` */
export async function openAddinScopes(
  module: ModuleOf<'scope'>,
  settings: Settings,
): Promise<readonly Scope[]> {
  return (await importDefinition(module)).open(settings);
}
