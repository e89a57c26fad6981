/**
 * Opens a store or its set-up where it belongs: in a process of its own, or in ours.
 *
 * Secrets are resolved here, at the last moment.
 */

import { checkedStore } from '../core/checked-store.ts';
import type { UseSettings } from '../core/config/load-configuration.ts';
import { isFaulty } from '../core/config/without-faults.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Settings, Store, StoreSetup } from '../core/index.ts';
import type { AddinPlace, IsolationWorld } from '../core/isolation/isolate.ts';
import { resolveSecrets, secretsIn } from '../core/settings/secrets.ts';
import { placeOfBuiltin } from './builtin-places.ts';
import type { Loaded } from './configuration.ts';
import { definitionOf } from './definition-of.ts';
import type { World } from './world.ts';

/**
 * Whatever it answers is held to the contract.
 *
 * @throws SECRET_UNUSABLE a secret of the store cannot be read; and whatever keeps the store from being opened
 */
export const openStoreOf = async (
  loaded: Loaded,
  use: UseSettings,
  world: Pick<World, 'env' | 'signal'>,
): Promise<Store> => checkedStore(await untilStopped(openUnchecked(loaded, use, world), world.signal));

async function openUnchecked(loaded: Loaded, use: UseSettings, world: Pick<World, 'env'>): Promise<Store> {
  const { definition, settings, place } = await placed(loaded, use, world);
  if (place === null) {
    await mendOwner(use, settings, world);
    return definition.open(settings);
  }
  const { openStoreApart } = await import('../core/isolation/isolate.ts');
  return openStoreApart(place, settings, isolationWorld(loaded, world));
}

/** An addin that does not open is not waited for; what comes too late is closed. @throws INTERRUPTED */
async function untilStopped(opening: Promise<Store>, signal: AbortSignal): Promise<Store> {
  // What is opened after a stop is for its sake.
  if (signal.aborted) return opening;
  const stopped = Promise.withResolvers<never>();
  const stop = (): void => {
    opening.then((late) => late.close()).catch(() => {});
    stopped.reject(new HoldfastError('INTERRUPTED', 'the opening of the store was interrupted'));
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([opening, stopped.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Null where the store has no set-up. Whoever opens it closes it. */
export async function openSetupOf(
  loaded: Loaded,
  use: UseSettings,
  world: Pick<World, 'env'>,
): Promise<StoreSetup | null> {
  const { definition, settings, place } = await placed(loaded, use, world);
  if (definition.setup === undefined) return null;
  if (place === null) return definition.setup(settings);
  const { openSetupApart } = await import('../core/isolation/isolate.ts');
  return openSetupApart(place, settings, isolationWorld(loaded, world));
}

/** What processes of addins must not see, and the variables some of them may. */
export function isolationWorld(
  { configuration, definitions }: Loaded,
  { env }: Pick<World, 'env'>,
): IsolationWorld {
  const { panel } = configuration;
  // Where nobody knows which panel there is, nobody knows where its accounts are.
  if (isFaulty(configuration, 'panel')) return { env, accounts: [] };
  const definition = definitionOf(definitions, 'panel', panel.use);
  return { env, accounts: definition.directories?.(panel) ?? [] };
}

async function placed({ configuration, definitions }: Loaded, use: UseSettings, world: Pick<World, 'env'>) {
  const definition = definitionOf(definitions, 'store', use.use);
  const settings = await resolveSecrets(use, definition.settingsSchema, world);
  if (configuration.isolation === 'off') return { definition, settings, place: null };
  const secrets = secretsIn(settings, definition.settingsSchema).map(({ reference }) => reference);
  const found = await placeOfBuiltin(use.use, settings, world.env);
  const unfit = configuration.isolation === 'auto' && found?.needs.asRoot === true;
  const place: AddinPlace | null = found === null || unfit ? null : { ...found, secrets };
  return { definition, settings, place };
}

/** What root writes without isolation the store's own user cannot read: the next isolated use has to hand it over. */
async function mendOwner(
  { use }: UseSettings,
  settings: Settings,
  { env }: Pick<World, 'env'>,
): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const directory = (await placeOfBuiltin(use, settings, env))?.needs.directory;
  if (directory === undefined) return;
  const [{ takeBack }, { storeUser }] = await Promise.all([
    import('../core/isolation/hand-over.ts'),
    import('../core/isolation/addin-user.ts'),
  ]);
  await takeBack(directory, storeUser());
}
