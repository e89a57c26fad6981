/**
 * Opens what an addin package contributes.
 *
 * The one place that decides in which process a package's code runs: stores and notifiers in one of their own,
 * which is neither root nor sees the accounts; providers and scopes in ours.
 */

import { accessSync, constants } from 'node:fs';
import type { JsonSchema, Settings } from '../contracts/addin.ts';
import type { Notifier } from '../contracts/notifier.ts';
import type { Provider, ProviderInput } from '../contracts/provider.ts';
import type { Scope } from '../contracts/scope.ts';
import type { Store } from '../contracts/store.ts';
import type { StoreSetup } from '../contracts/store-setup.ts';
import { HoldfastError } from '../errors.ts';
import type { AddinUser } from '../isolation/addin-user.ts';
import type { AddinPlace, IsolationWorld } from '../isolation/isolate.ts';
import { type AddinModule, importDefinition } from '../packages/addin-module.ts';
import { secretsIn } from '../settings/secrets.ts';
import { directoriesIn } from './setting-directories.ts';

type ModuleOf<K extends AddinModule['kind']> = AddinModule & { readonly kind: K };

/** What the processes of packages may not see, and the variables they may. Asked when one is started. */
export type PackageWorld = () => Promise<PackageSurroundings>;

export interface PackageSurroundings extends IsolationWorld {
  /** Whom an addin, `store webdav`, runs as: always the same, and no other addin. */
  readonly userOf: (addin: string) => Promise<AddinUser>;
}

const isolate = () => import('../isolation/isolate.ts');

/** @throws ADDIN_REFUSED its module is not what the manifest says; PREREQUISITE_MISSING it cannot be isolated */
export async function openAddinStore(
  module: ModuleOf<'store'>,
  settings: Settings,
  world: PackageWorld,
): Promise<Store> {
  const [{ openStoreApart }, around] = await Promise.all([isolate(), world()]);
  return openStoreApart(placeOf(module, settings, around), settings, around);
}

/**
 * For stores whose manifest declares `setup`.
 *
 * @throws ADDIN_REFUSED as `openAddinStore`
 */
export async function openAddinSetup(
  module: ModuleOf<'store'>,
  settings: Settings,
  world: PackageWorld,
): Promise<StoreSetup> {
  const [{ openSetupApart }, around] = await Promise.all([isolate(), world()]);
  const setup = await openSetupApart(placeOf(module, settings, around), settings, around);
  if (setup !== null) return setup;
  throw new HoldfastError('ADDIN_REFUSED', `the store ${module.name} declares a setup and has none`, {
    hint: 'Install another version of its package, or tell its author.',
  });
}

/** @throws ADDIN_REFUSED as `openAddinStore` */
export async function openAddinNotifier(
  module: ModuleOf<'notifier'>,
  settings: Settings,
  world: PackageWorld,
): Promise<Notifier> {
  const [{ openNotifierApart }, around] = await Promise.all([isolate(), world()]);
  return openNotifierApart(placeOf(module, settings, around), settings, around);
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

/** Paths it asks for are left as they are: what only root may read stays root's. */
function placeOf(module: AddinModule, settings: Settings, { userOf }: PackageSurroundings): AddinPlace {
  const { kind, name, root, manifest } = module;
  const { network, paths } = manifest.permissions;
  const [directory] = kind === 'store' ? directoriesIn(settings, manifest.settings as JsonSchema) : [];
  const secrets = secretsIn(settings, manifest.settings as JsonSchema).map(({ reference }) => reference);
  return {
    name: `the ${kind} ${name}`,
    opening: { packaged: module },
    root: withDependencies(root),
    whose: 'strangers',
    user: () => userOf(`${kind} ${name}`),
    needs: {
      network: network !== false,
      shown: paths.filter(isThere),
      ...(directory === undefined ? {} : { directory }),
    },
    secrets,
  };
}

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.F_OK);
    return true;
  } catch {
    return false;
  }
}

/** A package's dependencies may lie beside it. */
function withDependencies(root: string): string {
  const at = root.indexOf('/node_modules/');
  return at < 0 ? root : root.slice(0, at + '/node_modules'.length);
}
