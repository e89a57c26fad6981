/**
 * The directories that the configuration names, and its panel: also where it is not valid, as before a first identity
 * is in it. What nothing can be told of is named.
 */

import { isAbsolute, join, resolve } from 'node:path';
import { addinFiles } from '../core/config/addin-files.ts';
import { stateDirOf, type UseSettings } from '../core/config/load-configuration.ts';
import { parseJson } from '../core/config/parse-json.ts';
import type { AddinDefinition } from '../core/index.ts';
import type { OwnDirectory } from '../core/jobs/backup/own-directories.ts';
import { quoted } from '../core/printable.ts';
import { readRegularFile } from '../core/regular-file.ts';
import { checkConfigured } from './configuration.ts';
import { ownDirectories } from './own-directories.ts';

export interface ConfiguredPlaces {
  readonly own: readonly OwnDirectory[];
  /** Null: there is none, or `unknown` names its file. */
  readonly panel: UseSettings | null;
  readonly definitions: readonly AddinDefinition[];
  /** What may be anywhere, with the reason; each completes a sentence. */
  readonly unknown: readonly string[];
}

export async function configuredPlaces(configDir: string): Promise<ConfiguredPlaces> {
  const { configuration, config, ...rest } = await checkConfigured(configDir);
  const { definitions } = rest;
  if (configuration !== null) {
    const own = ownDirectories({ configuration, ...rest });
    return { own, panel: configuration.panel, definitions, unknown: [] };
  }
  const home = resolve(configDir);
  const file = join(home, 'config.json');
  const main = await readLoosely(file);
  const { stateDir } = main ?? {};
  const isPlace = typeof stateDir === 'string' && isAbsolute(stateDir);
  const own: OwnDirectory[] = [
    { path: stateDirOf(home, isPlace ? stateDir : undefined), what: 'the state of Holdfast' },
  ];
  const unknown: string[] = [];
  if (config === null && main !== undefined) {
    unknown.push(`whether an account can reach the file: ${quoted(file, 4096)} is not valid`);
  }
  for (const addin of await addinFiles(home, [])) {
    const document = await readLoosely(addin);
    const shown = quoted(addin, 4096);
    if (document === null) unknown.push(`whether the file lies in a store of ${shown}, which is not valid`);
    for (const path of storePathsIn(document)) own.push({ path, what: `a store of ${shown}` });
  }
  return { own, panel: config?.panel ?? null, definitions, unknown };
}

function storePathsIn(document: unknown): string[] {
  const { store, copies } = (document ?? {}) as { readonly store?: unknown; readonly copies?: unknown };
  const stores = [
    store,
    ...(Array.isArray(copies) ? copies : []).map((copy: unknown) => partOf(copy, 'store')),
  ];
  return stores
    .map((one) => partOf(one, 'path'))
    .filter((path) => typeof path === 'string')
    .filter(isAbsolute);
}

const partOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

/** Whatever object it holds. Null of a file that holds none, undefined where there is no file. */
async function readLoosely(file: string): Promise<Record<string, unknown> | null | undefined> {
  try {
    const bytes = await readRegularFile(file);
    const parsed = parseJson((bytes ?? '').toString().replace(/^\ufeff/, ''));
    const value = 'value' in parsed ? parsed.value : null;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : null;
  }
}
