/**
 * The configuration of this invocation, read with no more addins than it names.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CopyConfiguration } from '../core/config/copies.ts';
import {
  type AddinConfiguration,
  type CheckedConfiguration,
  type Configuration,
  checkConfiguration,
} from '../core/config/load-configuration.ts';
import { partAt } from '../core/config/without-faults.ts';
import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import type { AddinDefinition } from '../core/index.ts';
import { didYouMean } from '../core/near-matches.ts';
import { builtinNotifiers } from '../core/notify/builtin.ts';
import { quoted } from '../core/printable.ts';
import { readRegularFile } from '../core/regular-file.ts';
import { type EffectiveSettings, effectiveSettings } from '../core/scopes/effective-settings.ts';
import { readScopeFile, scopeFilePath } from '../core/scopes/scope-file.ts';
import { type ConfigProblem, configInvalid, showProblem } from '../core/settings/problems.ts';
import { type AddinPackages, addinPackages } from './addin-packages.ts';
import { addinsNamed, allAddins } from './builtin-addins.ts';
import type { CliContext } from './command.ts';

export interface Loaded {
  readonly configuration: Configuration;
  /** Those of addin packages among them. */
  readonly definitions: readonly AddinDefinition[];
  readonly packages: AddinPackages;
}

/** Of so many faults it is said what they are. */
const told = 5;

/**
 * The settings in force, scopes included.
 *
 * @throws CONFIG_INVALID the message names every problem
 */
export async function loadConfigured(dir: string): Promise<Loaded> {
  return valid(await checkConfigured(dir));
}

/**
 * The same for what only reads stores and must work in a disaster: what is wrong with parts that reading does without is
 * told, and these are left out. What uses the panel, databases or hooks all the same asks for them with `requireSound`.
 *
 * @throws CONFIG_INVALID what is left is not enough, or others than root could change it
 */
export async function loadReadable({
  configDir,
  output,
}: Pick<CliContext, 'configDir' | 'output'>): Promise<Loaded> {
  const loaded = await loadUnheard(configDir);
  const { faults } = loaded.configuration;
  for (const fault of faults.slice(0, told))
    output.note(`warning: ${showProblem(fault)}; goes on without it`);
  if (faults.length > 0) {
    const more = faults.length > told ? `; there are ${faults.length - told} more` : '';
    output.note(
      `hint: Mend the configuration before the next backup: holdfast doctor tells what is wrong${more}.`,
    );
  }
  return loaded;
}

/** As `loadReadable`, where somebody else tells what is wrong. */
export async function loadUnheard(configDir: string): Promise<Loaded> {
  const { readable, problems, definitions, packages } = await checkConfigured(configDir);
  if (readable === null) throw configInvalid(problems);
  return { configuration: readable, definitions, packages };
}

type Checked = Omit<Loaded, 'configuration'> & CheckedConfiguration;

export async function checkConfigured(dir: string): Promise<Checked> {
  const checked = await checkFiles(dir);
  if (checked.readable === null) return checked;
  const scoped = await withScopes(checked.readable, checked.definitions);
  const problems = [...checked.problems, ...scoped.problems];
  const readable = { ...scoped.configuration, faults: problems };
  return { ...checked, configuration: problems.length === 0 ? readable : null, readable, problems };
}

async function withScopes(
  configuration: Configuration,
  definitions: readonly AddinDefinition[],
): Promise<EffectiveSettings> {
  const { dir } = configuration;
  try {
    const { values } = await readScopeFile(dir);
    return effectiveSettings(configuration, values, definitions);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    const { message, hint = 'Mend the file.' } = error;
    return { configuration, problems: [{ file: scopeFilePath(dir), pointer: '', message, hint }] };
  }
}

/**
 * What the files of the configuration say, whatever scopes have set.
 *
 * @throws CONFIG_INVALID the message names every problem
 */
export async function loadFiles(dir: string): Promise<Loaded> {
  return valid(await checkFiles(dir));
}

function valid({ configuration, problems, definitions, packages }: Checked): Loaded {
  if (configuration === null) throw configInvalid(problems);
  return { configuration, definitions, packages };
}

async function checkFiles(dir: string): Promise<Checked> {
  const packages = await addinPackages(dir);
  const { refused } = packages;
  const ours = [...builtinNotifiers, ...(await addinsNamed(await namesUsed(dir)))];
  const definitions = [...ours, ...packages.definitions];
  const first = await checkConfiguration(dir, definitions, refused);
  if (first.configuration !== null) return { ...first, definitions, packages };
  // Only with all of them at hand can a message tell what is installed.
  const all = [...(await allAddins()), ...packages.definitions];
  return { ...(await checkConfiguration(dir, all, refused)), definitions: all, packages };
}

/** Names after `use`, found without parsing; what is wrong with a file is told elsewhere. */
async function namesUsed(dir: string): Promise<string[]> {
  const addins = await readdir(join(dir, 'addins.d')).catch((): string[] => []);
  const files = [join(dir, 'config.json'), ...addins.map((name) => join(dir, 'addins.d', name))];
  const texts = await Promise.all(
    files.map(async (file) => (await readRegularFile(file).catch(() => null))?.toString('utf8') ?? ''),
  );
  return texts.flatMap((text) => [...text.matchAll(/"use"\s*:\s*"([^"\\]+)"/g)].map(([, name]) => name!));
}

/** What is wrong with addin configurations of which nothing is left, not even a store to look into. */
export const lostAddins = ({ dir, addins, faults }: Configuration): readonly ConfigProblem[] =>
  faults.filter(
    ({ file }) => file.startsWith(join(dir, 'addins.d')) && addins.every((addin) => addin.file !== file),
  );

/**
 * The addin configuration that `--addin` names, or the only one.
 *
 * @throws USAGE several are configured and none was named, or there is none of that name
 * @throws CONFIG_INVALID there is none of that name among those that are valid
 */
export function chooseAddin(configuration: Configuration, name: string | undefined): AddinConfiguration {
  const { addins, dir } = configuration;
  const names = addins.map((addin) => addin.name);
  const lost = lostAddins(configuration);
  if (name === undefined) {
    const destined = addins.find((addin) => addin.name === configuration.steering.destination);
    if (destined !== undefined) return destined;
    if (addins.length === 0 && lost.length > 0) throw configInvalid(lost);
    if (addins.length === 1 && lost.length > 0) {
      const message = `${names[0]} is the only addin configuration that is valid, and may not be the one that is meant`;
      throw new HoldfastError('USAGE', message, { hint: `Say --addin ${names[0]} if it is.` });
    }
    if (addins.length === 1) return addins[0]!;
    if (addins.length > 1) {
      const message = `several addin configurations exist: ${names.join(', ')}`;
      throw new HoldfastError('USAGE', message, { hint: 'Name one with --addin NAME.' });
    }
    throw new HoldfastError('CONFIG_INVALID', `there is no addin configuration in ${join(dir, 'addins.d')}`, {
      hint: 'Write one; README.md has one to begin with.',
    });
  }
  const found = addins.find((addin) => addin.name === name);
  if (found !== undefined) return found;
  if (lost.length > 0) throw configInvalid(lost);
  const guess = didYouMean(name, names);
  throw new HoldfastError('USAGE', `there is no addin configuration ${quoted(name)}`, {
    hint: guess === null ? `Name one of ${names.join(', ')}.` : `Name another one; ${guess}`,
  });
}

/** The addin configuration with a copy for its store, called as the state calls it: `<name>/<copy>`. */
export function asCopy(
  addin: AddinConfiguration,
  { name, store, retention }: CopyConfiguration,
): AddinConfiguration {
  return { ...addin, name: `${addin.name}/${name}`, store, retention, copies: [] };
}

/** One for every store of the addin configuration, the main one first. */
export const perStore = (addin: AddinConfiguration): readonly AddinConfiguration[] => [
  addin,
  ...addin.copies.map((copy) => asCopy(addin, copy)),
];

/**
 * The one for the copy that `--copy` names.
 *
 * @throws USAGE it has no copy of that name
 * @throws CONFIG_INVALID it has none among those that are valid
 */
export function chooseCopy(
  { faults }: Configuration,
  addin: AddinConfiguration,
  name: string,
): AddinConfiguration {
  const found = addin.copies.find((copy) => copy.name === name);
  if (found !== undefined) return asCopy(addin, found);
  const lost = faults.filter(({ file, pointer }) => file === addin.file && partAt(pointer) === 'copies');
  if (lost.length > 0) throw configInvalid(lost);
  const names = addin.copies.map((copy) => copy.name);
  throw new HoldfastError('USAGE', `the addin configuration ${addin.name} has no copy ${quoted(name)}`, {
    hint: names.length === 0 ? 'Leave out --copy.' : `Name one of ${names.join(', ')}.`,
  });
}
