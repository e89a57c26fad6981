/**
 * Puts a store into a process of its own with the protections that fit it: whose code it is, what it needs.
 *
 * Strangers' code never runs as root: where the host gives no user of its own to it, it does not run at all. A
 * store of ours then runs with less, and `doctor` says so.
 */

import { chownSync, existsSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Settings } from '../contracts/addin.ts';
import type { Notifier } from '../contracts/notifier.ts';
import type { Store } from '../contracts/store.ts';
import type { StoreSetup } from '../contracts/store-setup.ts';
import { HoldfastError } from '../errors.ts';
import { ownPackage } from '../own-files.ts';
import type { Recipe } from './addin-host.ts';
import { type Launch, usualPatience } from './addin-process.ts';
import type { Opening } from './addin-service.ts';
import { type AddinUser, isPackageNumber, storeUser } from './addin-user.ts';
import { handOver, handOverLeftovers, makeFor } from './hand-over.ts';
import { openIsolatedNotifier } from './isolated-notifier.ts';
import { openIsolatedSetup } from './isolated-setup.ts';
import { openIsolatedStore } from './isolated-store.ts';
import { plainLaunch } from './plain-launch.ts';
import { shelterLaunches } from './shelter-launch.ts';
import { environmentFor, isSecretVariable, type StoreNeeds } from './store-needs.ts';
import type { FileBodies } from './store-of-files.ts';

/** A definition as another process finds it. */
export interface AddinPlace {
  /** For errors: `the store webdav`. */
  readonly name: string;
  readonly opening: Pick<Opening, 'module' | 'exported' | 'packaged'>;
  /** Directory of its package. */
  readonly root: string;
  readonly whose: 'own' | 'strangers';
  /** Of strangers' code, which always has one that nothing else runs as. Asked once, where processes can have users. */
  readonly user?: () => Promise<AddinUser>;
  readonly needs: StoreNeeds;
  /** Secrets among its settings. */
  readonly secrets: readonly string[];
  /** Of a store of ours that keeps files. */
  readonly files?: () => Promise<FileBodies>;
}

export interface IsolationWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Directories that hold accounts. */
  readonly accounts: readonly string[];
  /** Memory of one process. */
  readonly memoryMegabytes?: number;
}

const usualMegabytes = 2048;
const compileCache = '/var/cache/holdfast-store';

export const openStoreApart = (
  place: AddinPlace,
  settings: Settings,
  world: IsolationWorld,
): Promise<Store> => openIsolatedStore(recipeOf(place, settings, 'store', world));

/** Null where the store has no set-up. */
export const openSetupApart = (
  place: AddinPlace,
  settings: Settings,
  world: IsolationWorld,
): Promise<StoreSetup | null> => openIsolatedSetup(recipeOf(place, settings, 'setup', world));

export const openNotifierApart = (
  place: AddinPlace,
  settings: Settings,
  world: IsolationWorld,
): Promise<Notifier> => openIsolatedNotifier(recipeOf(place, settings, 'notifier', world));

export function recipeOf(
  place: AddinPlace,
  settings: Settings,
  part: Opening['part'],
  world: IsolationWorld,
): Recipe {
  const { name, needs, secrets, whose, files } = place;
  let asked: Promise<AddinUser> | undefined;
  const user = (): Promise<AddinUser> => {
    asked ??= userOf(place);
    return asked;
  };
  const root = process.getuid?.() === 0;
  const env = environmentFor(needs, world.env);
  let there = true;
  const { directory } = needs;
  return {
    name,
    secrets: [
      ...secrets,
      ...Object.keys(env)
        .filter(isSecretVariable)
        .map((key) => env[key]!),
    ],
    ours: whose === 'own',
    patience: usualPatience,
    ...(files === undefined ? {} : { files }),
    opening: { ...place.opening, part, settings, env },
    launches: async () => {
      there = directory === undefined || existsSync(directory);
      return root ? protectedLaunches(place, await user(), world) : [plainLaunch()];
    },
    beforeChange: async () => {
      if (directory !== undefined && root) await makeFor(directory, await user());
    },
    mend: async () => directory !== undefined && root && handOverLeftovers(realOf(directory), await user()),
    // A directory that came later may lie behind a cover.
    outdated: () => root && !there && existsSync(directory!),
  };
}

async function userOf({ whose, user, name }: AddinPlace): Promise<AddinUser> {
  if (whose === 'own') return storeUser();
  if (user === undefined) throw new TypeError(`${name} has no user of its own`);
  return user();
}

/** The strongest first. @throws PREREQUISITE_MISSING strangers' code cannot be kept from being root here */
export async function protectedLaunches(
  { needs, root, whose, name }: AddinPlace,
  user: AddinUser,
  { accounts, env, memoryMegabytes = usualMegabytes }: IsolationWorld,
): Promise<readonly Launch[]> {
  const { directory, directories = [], files = [], shown = [], network = true } = needs;
  const former = whose === 'own' ? undefined : isPackageNumber;
  const found = directory === undefined ? user : await handOver(realOf(directory), user, former);
  // Strangers' code gets what is handed to it, and never becomes whoever owns a directory.
  const owner = whose === 'own' ? found : user;
  const cache = whose === 'own' && owner.uid === user.uid ? cacheFor(user) : null;
  const launches = shelterLaunches({
    ...owner,
    accounts,
    directories: [
      dirname(realpathSync(process.execPath)),
      ownPackage,
      root,
      ...directories,
      ...(directory === undefined ? [] : [directory]),
    ],
    files,
    shown,
    network,
    processes: whose === 'own',
    bounded: whose === 'strangers',
    memoryMegabytes,
    env: {
      ...(cache === null ? {} : { NODE_COMPILE_CACHE: cache }),
      ...(env['NODE_EXTRA_CA_CERTS'] === undefined
        ? {}
        : { NODE_EXTRA_CA_CERTS: env['NODE_EXTRA_CA_CERTS'] }),
    },
  });
  if (whose === 'own') return [...launches, plainLaunch()];
  if (launches.length > 0) return launches;
  throw new HoldfastError('PREREQUISITE_MISSING', `${name} cannot get a user of its own on this host`, {
    hint: 'Install util-linux; run holdfast doctor to see which protections there are.',
  });
}

const realOf = (path: string): string => {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
};

/** Compiled code of our own stores, in a directory that only their user can write. Null: slower. */
function cacheFor({ uid, gid }: AddinUser): string | null {
  try {
    mkdirSync(compileCache, { recursive: true, mode: 0o700 });
    const stat = lstatSync(compileCache);
    if (!stat.isDirectory() || (stat.mode & 0o022) !== 0) return null;
    if (stat.uid === 0) chownSync(compileCache, uid, gid);
    return stat.uid === 0 || stat.uid === uid ? compileCache : null;
  } catch {
    return null;
  }
}
