/** Where another process finds a store that comes with Holdfast, and what it needs there beside its settings. */

import type { Settings } from '../core/index.ts';
import type { AddinPlace } from '../core/isolation/isolate.ts';
import type { StoreNeeds } from '../core/isolation/store-needs.ts';
import { ownCode, ownModule } from '../core/own-files.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const storeNeeds: Readonly<Record<string, (settings: Settings, env: Environment) => Promise<StoreNeeds>>> = {
  local: async ({ path }) => ({ directory: path as string, network: false }),
  s3: async (settings, env) => (await import('../addins/s3/needs.ts')).s3Needs(settings, env),
  rclone: async (settings, env) => (await import('../addins/rclone/needs.ts')).rcloneNeeds(settings, env),
};

/** Of stores that keep files of this machine. */
const fileBodies: Readonly<Record<string, NonNullable<AddinPlace['files']>>> = {
  local: async () => (await import('../addins/local/file-bodies.ts')).fileBodies,
};

/** Where another process finds a store of ours; null for a store that is none. */
export async function placeOfBuiltin(
  name: string,
  settings: Settings,
  env: Environment,
): Promise<Omit<AddinPlace, 'secrets'> | null> {
  const needs = Object.hasOwn(storeNeeds, name) ? await storeNeeds[name]!(settings, env) : null;
  if (needs === null) return null;
  const module = ownModule(`addins/${name}/index`);
  return {
    name: `the store ${name}`,
    opening: { module, exported: `${name}Store` },
    root: ownCode,
    whose: 'own',
    needs,
    ...(Object.hasOwn(fileBodies, name) ? { files: fileBodies[name]! } : {}),
  };
}
