/**
 * Opens what a configuration names: stores, the panel, database servers, the state.
 *
 * Secrets are resolved here, at the last moment. Whoever opens a store or an engine closes it.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertAbilities } from '../core/addins/needed-abilities.ts';
import type { AddinRef } from '../core/archive/manifest.ts';
import { databaseSettingsSchema } from '../core/config/config-schema.ts';
import type { AddinConfiguration, Configuration, UseSettings } from '../core/config/load-configuration.ts';
import { withExclusions } from '../core/config/policy.ts';
import { requireSound } from '../core/config/without-faults.ts';
import type { PanelCache } from '../core/contracts/panel.ts';
import { withOtherAccounts } from '../core/databases/other-accounts.ts';
import type { Identity } from '../core/encryption/identities.ts';
import type { KeyedProvider } from '../core/encryption/keyed-provider.ts';
import { isHoldfastError } from '../core/errors.ts';
import type {
  Account,
  AddinDefinition,
  DatabaseEngine,
  Panel,
  Provider,
  ProviderDefinition,
  Settings,
  Store,
} from '../core/index.ts';
import type { OpenAddin } from '../core/jobs/addin.ts';
import { escapePointer, resolveSecrets, secretsIn } from '../core/settings/secrets.ts';
import type { DirectoryAccess } from '../core/state/carried-ids.ts';
import { withLastKnown } from '../core/state/last-known.ts';
import { openState, type State } from '../core/state/state.ts';
import { isPrivateDirectory } from '../core/state/state-files.ts';
import type { Loaded } from './configuration.ts';
import { definitionOf } from './definition-of.ts';
import { openKeys } from './opened-keys.ts';
import { openStoreOf } from './opened-store.ts';
import { storeWords } from './store-presence.ts';
import { unusableEngine } from './unusable-engine.ts';
import type { World } from './world.ts';

export interface OpenedStore {
  readonly name: string;
  readonly store: Store;
  readonly place: string;
  readonly where: () => string;
  readonly copies: readonly string[];
  readonly provider: KeyedProvider;
  readonly encryption: OpenAddin['encryption'];
  readonly storeRef: AddinRef;
  readonly providerRef: AddinRef;
}

/** The settings of our stores that say where they are. */
const ourPlaces = ['use', 'endpoint', 'bucket', 'prefix', 'path', 'remote'] as const;

/** What a store of a package calls its place nobody knows: any text that is no secret may be part of it. */
function placeSettings({ packages, definitions }: Loaded, store: UseSettings): readonly string[] {
  if (packages.modules.every(({ kind, name }) => kind !== 'store' || name !== store.use)) return ourPlaces;
  const { settingsSchema } = definitionOf(definitions, 'store', store.use);
  const secrets = new Set(secretsIn(store, settingsSchema).map(({ pointer }) => pointer));
  return Object.keys(store)
    .filter((name) => typeof store[name] === 'string' && !secrets.has(`/${escapePointer(name)}`))
    .sort();
}

export const refOf = ({ name, version, contract }: AddinDefinition): AddinRef => ({
  name,
  version,
  contract,
});

/**
 * @param identities given on the command line; without any, the configuration's own counts
 * @throws SECRET_UNUSABLE a secret of the store or the provider cannot be read
 */
export async function openStore(
  loaded: Loaded,
  addin: AddinConfiguration,
  world: Pick<World, 'env' | 'signal'> & { readonly wrapStore?: (store: Store) => Store },
  identities: readonly Identity[] = [],
): Promise<OpenedStore> {
  const { definitions } = loaded;
  const storeDefinition = definitionOf(definitions, 'store', addin.store.use);
  const providerDefinition = definitionOf(definitions, 'provider', addin.provider.use);
  const settings = await resolveSecrets(addin.provider, providerDefinition.settingsSchema, world);
  const bare = await openStoreOf(loaded, addin.store, world);
  const store = world.wrapStore?.(bare) ?? bare;
  const provider = await providerOver(store, providerDefinition, settings);
  const refs = { storeRef: refOf(storeDefinition), providerRef: refOf(providerDefinition) };
  const keyed = openKeys(addin, { store, provider, world, identities });
  const place = JSON.stringify(placeSettings(loaded, addin.store).map((name) => addin.store[name] ?? null));
  const where = (): string => storeWords(addin);
  const { name, encryption } = addin;
  const copies = addin.copies.map((copy) => copy.name);
  return { name, store, place, where, copies, provider: keyed, encryption, ...refs };
}

async function providerOver(
  store: Store,
  definition: ProviderDefinition,
  settings: Settings,
): Promise<Provider> {
  try {
    assertAbilities(store, definition);
    return await definition.open({ store, settings });
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** @throws CONFIG_INVALID the panel is not as it should be */
export async function openPanel(
  { configuration, definitions }: Loaded,
  world: Pick<World, 'env' | 'now'>,
): Promise<{ readonly panel: Panel; readonly panelRef: AddinRef }> {
  requireSound(configuration, 'panel');
  const definition = definitionOf(definitions, 'panel', configuration.panel.use);
  const settings = await resolveSecrets(configuration.panel, definition.settingsSchema, world);
  const panel = steeredPanel(await definition.open(settings), configuration, world.now);
  return { panel, panelRef: refOf(definition) };
}

/** Lists accounts with what scope and policy leave out of them, and whose prefixes others' begin; where there is a state, with a cache and what is known from before. */
const steeredPanel = (panel: Panel, configuration: Configuration, now: () => number): Panel => ({
  name: panel.name,
  accounts: async (options) => {
    const { stateDir } = configuration;
    const bare = (more: { readonly cache?: PanelCache }) => panel.accounts({ ...options, ...more });
    let accounts: readonly Account[];
    if (await isPrivateDirectory(stateDir)) {
      const cache = { path: join(stateDir, `panel-${panel.name}.json`), nowMs: now() };
      accounts = await withLastKnown(await bare({ cache }), stateDir, readXattr);
    } else accounts = await bare({});
    return withOtherAccounts(accounts).map((account) => withExclusions(account, configuration));
  },
  writablePath: (request) => panel.writablePath(request),
  keptDumps: async (request) => (await panel.keptDumps?.(request)) ?? null,
  afterRestore: (request) => panel.afterRestore(request),
});

/**
 * One engine for each configured server; one whose secret cannot be read fails when it is used.
 *
 * @throws CONFIG_INVALID one of the servers is not as it should be
 */
export async function openEngines(
  configuration: Configuration,
  world: Pick<World, 'env' | 'now'>,
): Promise<readonly DatabaseEngine[]> {
  requireSound(configuration, 'databases');
  const { databases } = configuration;
  if (databases.length === 0) return [];
  const { openDatabaseEngine } = await import('../core/databases/index.ts');
  return Promise.all(
    databases.map(async (settings) => {
      try {
        return await openDatabaseEngine(await resolveSecrets(settings, databaseSettingsSchema, world), world);
      } catch (error) {
        if (isHoldfastError(error)) return unusableEngine(settings, error);
        throw error;
      }
    }),
  );
}

/** Makes the state directory where there is none. */
export async function openStateOf(
  { stateDir }: Configuration,
  { now, newUuid }: Pick<World, 'now' | 'newUuid'>,
): Promise<State> {
  return openState(stateDir, {
    now,
    newUuid,
    machineId: () => readFile('/etc/machine-id', 'utf8').catch(() => null),
    readXattr,
    readStamp: async (path) => (await pathXattrs()).readPathStamp(path),
    writeXattr: async (path, name, value) => (await pathXattrs()).writePathXattr(path, name, value),
  });
}

const readXattr: DirectoryAccess['readXattr'] = async (path, name) =>
  (await pathXattrs()).readPathXattr(path, name);

let xattrs: Promise<typeof import('../core/filesystem/path-xattrs.ts')> | undefined;
/** Loaded where it is used; asking the loader anew for each of ten thousand accounts would take longer than reading. */
const pathXattrs = () => {
  xattrs ??= import('../core/filesystem/path-xattrs.ts');
  return xattrs;
};

/** For commands that only read: null where there is no state, or none that can be used. */
export async function openStateIfAny(
  configuration: Configuration,
  world: Pick<World, 'now' | 'newUuid'>,
): Promise<State | null> {
  if (!existsSync(join(configuration.stateDir, 'server.json'))) return null;
  return openStateOf(configuration, world).catch(() => null);
}

/** Stable for one server and one configuration name. */
export const addinId = (server: string, name: string): string =>
  createHash('sha256').update(`${server}\n${name}`).digest('hex').slice(0, 32);
