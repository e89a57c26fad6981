/**
 * Opens what looks after a store instead of using it: its set-up, where it has one, and the store and
 * provider for trials that never hold a backup, so that encryption does not matter.
 */

import { assertAbilities } from '../core/addins/needed-abilities.ts';
import type { AddinRef } from '../core/archive/manifest.ts';
import type { AddinConfiguration } from '../core/config/load-configuration.ts';
import { longestKeptDays } from '../core/config/retention-span.ts';
import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import type { Provider, SetupRequest, Store, StoreSetup } from '../core/index.ts';
import { wayOn } from '../core/jobs/foreign-store.ts';
import { resolveSecrets } from '../core/settings/secrets.ts';
import type { CliContext } from './command.ts';
import { chooseAddin, chooseCopy, type Loaded, loadConfigured } from './configuration.ts';
import { definitionOf } from './definition-of.ts';
import { openStateIfAny, refOf } from './opened.ts';
import { openSetupOf, openStoreOf } from './opened-store.ts';
import { checkPresence } from './store-presence.ts';
import type { World } from './world.ts';

export interface Chosen {
  readonly loaded: Loaded;
  /** With the copy in place of its store, where one was named. */
  readonly addin: AddinConfiguration;
  /** UUID of this server, or null before the first backup. */
  readonly server: string | null;
  /** Id of the store that this server wrote to under that name before, or null. */
  readonly remembered: string | null;
}

export async function choose(
  { configDir, world }: CliContext,
  { addin: name, copy }: { readonly addin?: unknown; readonly copy?: unknown },
): Promise<Chosen> {
  const loaded = await loadConfigured(configDir);
  const chosen = chooseAddin(loaded.configuration, name as string | undefined);
  const addin = copy === undefined ? chosen : chooseCopy(loaded.configuration, chosen, copy as string);
  const state = await openStateIfAny(loaded.configuration, world);
  return {
    loaded,
    addin,
    server: state?.server.uuid ?? null,
    remembered: state?.storeId(addin.name) ?? null,
  };
}

/** Null where the store has no set-up. Whoever opens it closes it. */
export const openSetup = (
  loaded: Loaded,
  { store }: Pick<AddinConfiguration, 'store'>,
  world: Pick<World, 'env'>,
): Promise<StoreSetup | null> => openSetupOf(loaded, store, world);

/** Why the place is not the store that this server remembers, or null. One that may only be put to cannot be asked. */
export async function whyAnotherStore(
  { loaded, addin, remembered }: Pick<Chosen, 'loaded' | 'addin' | 'remembered'>,
  world: Pick<World, 'env' | 'signal'>,
): Promise<HoldfastError | null> {
  if (remembered === null) return null;
  const { signal } = world;
  let store: Store | null = null;
  try {
    store = await openStoreOf(loaded, addin.store, world);
    await checkPresence({ store, addin, remembered, needs: 'any', signal, note: () => {} });
    return null;
  } catch (error) {
    // What else goes wrong the set-up tells better.
    if (!isHoldfastError(error) || signal.aborted) throw error;
    if (error.code !== 'STORE_UNAVAILABLE') return error.code === 'STORE_FOREIGN' ? error : null;
    const message = `the store ${remembered} that this server wrote to cannot be read: ${error.message}`;
    const words = { isCopy: addin.name.includes('/'), copies: addin.copies.map(({ name }) => name) };
    const hint = `Bring the store back or correct its place; ${wayOn(words)}`;
    return new HoldfastError(error.code, message, { hint, cause: error });
  } finally {
    await store?.close();
  }
}

export function setupRequest(
  { retention }: Pick<AddinConfiguration, 'retention'>,
  server: string | null,
  { now, signal }: Pick<World, 'now' | 'signal'>,
): SetupRequest {
  const keepDays = longestKeptDays(retention);
  return { server, keepDays, prunes: retention !== null, nowMs: now(), signal };
}

export interface OpenedForTrials {
  readonly store: Store;
  /** Opens the same place once more. */
  readonly reopen: () => Promise<Store>;
  readonly openProvider: (over: Store) => Promise<Provider>;
  readonly storeRef: AddinRef;
  readonly providerRef: AddinRef;
}

export async function openForTrials(
  loaded: Loaded,
  { store, provider }: Pick<AddinConfiguration, 'store' | 'provider'>,
  world: Pick<World, 'env' | 'signal'>,
): Promise<OpenedForTrials> {
  const { definitions } = loaded;
  const storeDefinition = definitionOf(definitions, 'store', store.use);
  const providerDefinition = definitionOf(definitions, 'provider', provider.use);
  const settings = await resolveSecrets(provider, providerDefinition.settingsSchema, world);
  const reopen = () => openStoreOf(loaded, store, world);
  const opened = await reopen();
  try {
    assertAbilities(opened, providerDefinition);
  } catch (error) {
    await opened.close();
    throw error;
  }
  return {
    store: opened,
    reopen,
    openProvider: (over) => providerDefinition.open({ store: over, settings }),
    storeRef: refOf(storeDefinition),
    providerRef: refOf(providerDefinition),
  };
}
