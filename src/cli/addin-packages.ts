/**
 * The addin packages of this installation: those that `addins` of config.json lists.
 *
 * Found before the configuration is judged, and even where it is not valid, so that what is wrong with a
 * package can be told wherever its addins are named.
 */

import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { configSchema } from '../core/config/config-schema.ts';
import type { AddinDefinition } from '../core/index.ts';
import { holdfastVersion } from '../core/jobs/addin.ts';
import { builtinNotifiers } from '../core/notify/builtin.ts';
import type { LoadedPackages } from '../core/packages/load-packages.ts';
import { builtinNames } from './builtin-addins.ts';
import { packageWorld } from './package-world.ts';

export interface AddinPackages extends LoadedPackages {
  readonly definitions: readonly AddinDefinition[];
}

const none: AddinPackages = { modules: [], refused: [], definitions: [] };

/** Runs nothing of any package. */
export async function addinPackages(configDir: string): Promise<AddinPackages> {
  const sources = await sourcesIn(join(configDir, 'config.json'));
  if (sources.length === 0) return none;
  const { loadPackages } = await import('../core/packages/load-packages.ts');
  const { packagedDefinition } = await import('../core/addins/packaged-definitions.ts');
  const { builtinScopes } = await import('../core/scopes/builtin.ts');
  const loaded = await loadPackages(sources, {
    configDir: resolve(configDir),
    hostVersion: holdfastVersion,
    taken: [
      ...builtinNames,
      ...builtinNotifiers.map(({ name }) => `notifier ${name}`),
      ...builtinScopes.map(({ name }) => `scope ${name}`),
    ],
  });
  const world = packageWorld(resolve(configDir));
  return { ...loaded, definitions: loaded.modules.map((one) => packagedDefinition(one, world)) };
}

/** Without judging the rest of the file: what is wrong with it is told elsewhere. */
async function sourcesIn(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  if (!text.includes('"addins"')) return [];
  try {
    const { addins } = (JSON.parse(text.replace(/^\ufeff/, '')) ?? {}) as { addins?: unknown };
    const listed: readonly unknown[] = Array.isArray(addins) ? addins : [];
    return listed.filter((one) => typeof one === 'string' && source.test(one)) as readonly string[];
  } catch {
    return [];
  }
}

/** As the schema has it: no other text may become part of a path. */
const source = new RegExp(configSchema.properties.addins.items.pattern);
