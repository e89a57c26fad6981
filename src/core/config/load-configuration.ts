/**
 * Reads and validates `config.json` and `addins.d/*.json`.
 *
 * Finds every problem before it gives up, so that one round mends them all. Opens nothing and
 * resolves no secret; knows no addin but by the definitions it is given.
 */

import { join, resolve } from 'node:path';
import type { RefusedAddin } from '../addins/refusal.ts';
import type { AddinDefinition, JsonSchema, Settings } from '../contracts/addin.ts';
import { printable, quoted } from '../printable.ts';
import { readRegularFile } from '../regular-file.ts';
import { addinFiles } from './addin-files.ts';
import {
  type AddinDocument,
  addinConfigurationSchema,
  type Encryption,
  type Retention,
  type ScheduleEntry,
} from './addin-schema.ts';
import { changeableFiles } from './changeable-files.ts';
import { checkUse, type Installed, inlineSecrets } from './check-use.ts';
import { type ConfigDocument, configSchema, type DatabaseSettings } from './config-schema.ts';
import { type CopyConfiguration, copiesOf, copyProblems, copyStores } from './copies.ts';
import { type DatabaseOptions, databaseOptionsOf } from './database-options.ts';
import { databaseProblems } from './database-problems.ts';
import { type Isolation, isolationOf } from './isolation.ts';
import {
  type Operations,
  operationsOf,
  operationsProblems,
  type Timing,
  timingOf,
  timingProblems,
} from './operations.ts';
import { parseJson } from './parse-json.ts';
import { policyProblems, type Ruled } from './policy.ts';
import { type ConfigProblem, describeErrors } from './problems.ts';
import { noSteering } from './steering.ts';
import { validate } from './validate.ts';

export const systemConfigDir = '/etc/holdfast';
const systemStateDir = '/var/lib/holdfast';

export type UseSettings = Settings & { readonly use: string };

/** One file of `addins.d`, defaults filled in. Secrets are still references. */
export interface AddinConfiguration extends Timing {
  readonly file: string;
  readonly name: string;
  readonly provider: UseSettings;
  readonly store: UseSettings;
  readonly accounts: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  readonly schedule: readonly ScheduleEntry[];
  /** Null: nothing is ever removed. */
  readonly retention: Retention | null;
  readonly copies: readonly CopyConfiguration[];
  readonly encryption: Encryption;
}

export interface Configuration extends Operations, DatabaseOptions, Ruled {
  readonly dir: string;
  readonly stateDir: string;
  readonly panel: UseSettings;
  readonly databases: readonly DatabaseSettings[];
  readonly concurrency: number;
  readonly lockWaitMinutes: number;
  /** Whether our own stores run in processes of their own. */
  readonly isolation: Isolation;
  readonly trustedSigners: readonly string[];
  /** Settings of scopes that packages contribute. */
  readonly scopes: readonly UseSettings[];
  /** By name. */
  readonly addins: readonly AddinConfiguration[];
}

/** @param home resolved */
export const stateDirOf = (home: string, configured: string | undefined): string =>
  configured ?? (home === systemConfigDir ? systemStateDir : join(home, 'state'));

const largestBytes = 1024 * 1024;

export interface CheckedConfiguration {
  readonly configuration: Configuration | null;
  /** `config.json` by itself, also where something else is wrong. */
  readonly config: ConfigDocument | null;
  readonly problems: readonly ConfigProblem[];
}

/** All that is wrong in any file comes back as problems. */
export async function checkConfiguration(
  dir: string,
  definitions: readonly AddinDefinition[],
  refused: readonly RefusedAddin[] = [],
): Promise<CheckedConfiguration> {
  const home = resolve(dir);
  const installed = { definitions, refused };
  const problems: ConfigProblem[] = [];
  const config = await readConfig(join(home, 'config.json'), installed, problems);
  const addins: AddinConfiguration[] = [];
  const files = await addinFiles(home, problems);
  problems.push(...(await changeableFiles(home, files)));
  for (const file of files) {
    const addin = await readAddinConfiguration(file, installed, problems);
    if (addin === null) continue;
    const other = addins.find(({ name }) => name === addin.name);
    if (other === undefined) addins.push(addin);
    else {
      const message = `the name ${quoted(addin.name)} is taken by ${printable(other.file)}`;
      problems.push({
        file,
        pointer: '/name',
        message,
        hint: 'Give each addin configuration a name of its own.',
      });
    }
  }
  if (config !== null)
    problems.push(...policyProblems(join(home, 'config.json'), config.policy ?? [], addins));
  if (config === null || problems.length > 0) return { configuration: null, config, problems };
  const { panel, databases, concurrency, lockWaitMinutes, trustedSigners, policy } = config;
  const stateDir = stateDirOf(home, config.stateDir);
  addins.sort((a, b) => (a.name < b.name ? -1 : 1));
  const rest = {
    concurrency,
    lockWaitMinutes,
    isolation: isolationOf(config.isolation),
    trustedSigners,
    scopes: config.scopes as readonly UseSettings[],
    policy,
    steering: noSteering,
    ...databaseOptionsOf(config),
    ...operationsOf(config),
  };
  return { configuration: { dir: home, stateDir, panel, databases, ...rest, addins }, config, problems };
}

/** One addin configuration, or null with what is wrong added to `problems`. */
export async function readAddinConfiguration(
  file: string,
  installed: Installed,
  problems: ConfigProblem[],
): Promise<AddinConfiguration | null> {
  const before = problems.length;
  const value = await readDocument(file, addinConfigurationSchema, problems);
  if (value === null) return null;
  const { provider, store, copies } = value as Partial<AddinDocument>;
  checkUse('provider', provider, '/provider', { file, ...installed, problems });
  checkUse('store', store, '/store', { file, ...installed, problems });
  for (const [pointer, settings] of copyStores(copies)) {
    checkUse('store', settings, pointer, { file, ...installed, problems });
  }
  if (problems.length === before) problems.push(...copyProblems(file, copies ?? []));
  if (problems.length === before) problems.push(...timingProblems(file, value as AddinDocument));
  if (problems.length > before) return null;
  const { name, accounts, schedule, retention, encryption } = value as AddinDocument;
  return {
    file,
    name,
    provider: provider as UseSettings,
    store: store as UseSettings,
    accounts: { include: accounts.include ?? ['*'], exclude: accounts.exclude ?? [] },
    schedule,
    retention: retention ?? null,
    copies: copiesOf(copies ?? []),
    ...timingOf(value as AddinDocument),
    encryption,
  };
}

async function readConfig(
  file: string,
  installed: Installed,
  problems: ConfigProblem[],
): Promise<ConfigDocument | null> {
  const before = problems.length;
  const value = await readDocument(file, configSchema, problems);
  if (value === null) return null;
  const config = value as ConfigDocument;
  if (problems.length === before) {
    problems.push(
      ...databaseProblems(file, config.databases),
      ...operationsProblems(file, config, installed),
    );
    for (const [index, scope] of config.scopes.entries()) {
      checkUse('scope', scope, `/scopes/${index}`, { file, ...installed, problems });
    }
  }
  checkUse('panel', config.panel, '/panel', { file, ...installed, problems });
  return problems.length > before ? null : config;
}

/** Parses, validates and checks secrets. Null only where there is no object to look at any further. */
async function readDocument(
  file: string,
  schema: JsonSchema,
  problems: ConfigProblem[],
): Promise<Settings | null> {
  const problem = (message: string, hint: string): null => {
    problems.push({ file, pointer: '', message, hint });
    return null;
  };
  let bytes: Buffer | null;
  try {
    bytes = await readRegularFile(file);
  } catch (cause) {
    const code = String((cause as NodeJS.ErrnoException).code);
    if (code === 'ENOTDIR')
      return problem('is not in a directory', '--config names the directory, not a file.');
    if (code !== 'ENOENT') return problem(`cannot be read: ${code}`, 'Let Holdfast read the file.');
    return problem('there is no such file', 'Create it, or name another configuration with --config DIR.');
  }
  if (bytes === null) return problem('is not a regular file', 'Put a file in its place.');
  if (bytes.length > largestBytes) return problem('is larger than 1 MiB', 'Put the right file in its place.');
  const parsed = parseJson(bytes.toString('utf8').replace(/^\ufeff/, ''));
  if ('fault' in parsed) {
    const { line, column, what } = parsed.fault;
    return problem(`line ${line}, column ${column}: ${what}`, `Correct the JSON at line ${line}.`);
  }
  problems.push(...describeErrors(file, validate(parsed.value, schema)));
  problems.push(...inlineSecrets(file, parsed.value, schema, ''));
  const { value } = parsed;
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Settings) : null;
}
