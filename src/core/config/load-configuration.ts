/**
 * Reads and validates `config.json` and `addins.d/*.json`.
 *
 * Finds every problem before it gives up, so that one round mends them all. Opens nothing and
 * resolves no secret; knows no addin but by the definitions it is given.
 */

import { join, resolve } from 'node:path';
import type { AddinDefinition, Settings } from '../contracts/addin.ts';
import type { RefusedAddin } from '../packages/refusal.ts';
import { printable, quoted } from '../printable.ts';
import type { ConfigProblem } from '../settings/problems.ts';
import { addinFiles } from './addin-files.ts';
import {
  type AddinDocument,
  addinConfigurationSchema,
  type Encryption,
  type Retention,
  type ScheduleEntry,
} from './addin-schema.ts';
import { changeableFiles } from './changeable-files.ts';
import { checkUse } from './check-use.ts';
import { type ConfigDocument, configSchema, type DatabaseSettings } from './config-schema.ts';
import { type CopyConfiguration, copiesOf, copyProblems, copyStores } from './copies.ts';
import { type DatabaseOptions, databaseOptionsOf } from './database-options.ts';
import { databaseProblems } from './database-problems.ts';
import type { Installed } from './installed.ts';
import { type Isolation, isolationOf } from './isolation.ts';
import {
  type Operations,
  operationsOf,
  operationsProblems,
  type Timing,
  timingOf,
  timingProblems,
} from './operations.ts';
import { policyProblems, type Ruled } from './policy.ts';
import { readDocument, schemaProblems } from './read-document.ts';
import { noSteering } from './steering.ts';
import { type Faulty, inShortened, partAt, soundPart, withoutFaults } from './without-faults.ts';

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

export interface Configuration extends Operations, DatabaseOptions, Ruled, Faulty {
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

export interface CheckedConfiguration {
  readonly configuration: Configuration | null;
  /** What is left of it without the parts at fault, for what only reads; null where that is not enough. */
  readonly readable: Configuration | null;
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
  const main = join(home, 'config.json');
  const found = await readConfig(main, installed, problems);
  const config = problems.length === 0 ? found : null;
  const shortened = problems.map(({ pointer }) => partAt(pointer));
  const files = await addinFiles(home, problems);
  const changeable = changeableFiles(home, files);
  problems.push(...changeable);
  const addins = await readAddins(files, installed, problems);
  const faults = policyProblems(main, found?.policy ?? [], addins);
  problems.push(...faults.map((one) => inShortened(one, shortened)));
  const rest = found === null ? null : withoutFaults(found, faults, { needed: [], spared });
  if (rest === null || changeable.length > 0)
    return { configuration: null, readable: null, config, problems };
  const { panel, databases, concurrency, lockWaitMinutes, trustedSigners, policy } = rest;
  const readable: Configuration = {
    dir: home,
    stateDir: stateDirOf(home, rest.stateDir),
    panel,
    databases,
    concurrency,
    lockWaitMinutes,
    isolation: isolationOf(rest.isolation),
    trustedSigners,
    scopes: rest.scopes as readonly UseSettings[],
    policy,
    steering: noSteering,
    ...databaseOptionsOf(rest),
    ...operationsOf(rest),
    addins,
    faults: problems,
  };
  return { configuration: problems.length === 0 ? readable : null, readable, config, problems };
}

/** By name. Where two have the same, neither is the one that is meant. */
async function readAddins(
  files: readonly string[],
  installed: Installed,
  problems: ConfigProblem[],
): Promise<AddinConfiguration[]> {
  const addins: AddinConfiguration[] = [];
  const shared = new Set<string>();
  for (const file of files) {
    const addin = await readAddinConfiguration(file, installed, problems);
    if (addin === null) continue;
    const other = addins.find(({ name }) => name === addin.name);
    if (other === undefined) addins.push(addin);
    else {
      shared.add(addin.name);
      const message = `the name ${quoted(addin.name)} is taken by ${printable(other.file)}`;
      problems.push({
        file,
        pointer: '/name',
        message,
        hint: 'Give each addin configuration a name of its own.',
      });
    }
  }
  return addins.filter(({ name }) => !shared.has(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * One addin configuration, with what is wrong added to `problems`: without those parts, or null where one of them says
 * what the store is, or how it is read.
 */
export async function readAddinConfiguration(
  file: string,
  installed: Installed,
  problems: ConfigProblem[],
): Promise<AddinConfiguration | null> {
  const document = await readDocument(file, problems);
  if (document === null) return null;
  const parts = {
    needed: ['name', 'provider', 'store', 'encryption'],
    // What is removed from a copy is nothing to whoever reads it, on the day the main store is gone.
    spared: { copies: ['retention'] },
  };
  const { value, problems: found } = soundPart(document, (one) => addinProblems(file, one, installed), parts);
  problems.push(...found);
  if (value === null) return null;
  const { name, provider, store, accounts, schedule, retention, copies, encryption } = value as AddinDocument;
  return {
    file,
    name,
    provider: provider as UseSettings,
    store: store as UseSettings,
    accounts: { include: accounts.include ?? ['*'], exclude: accounts.exclude ?? [] },
    schedule,
    retention: retention ?? null,
    copies: copiesOf(copies ?? [], document['copies'] ?? []),
    ...timingOf(value as AddinDocument),
    encryption,
  };
}

function addinProblems(file: string, document: Settings, installed: Installed): ConfigProblem[] {
  const problems = schemaProblems(file, document, addinConfigurationSchema);
  const { provider, store, copies } = document as Partial<AddinDocument>;
  checkUse('provider', provider, '/provider', { file, ...installed, problems });
  checkUse('store', store, '/store', { file, ...installed, problems });
  for (const [pointer, settings] of copyStores(copies)) {
    checkUse('store', settings, pointer, { file, ...installed, problems });
  }
  if (problems.length === 0) problems.push(...copyProblems(file, copies ?? []));
  if (problems.length === 0) problems.push(...timingProblems(file, document as AddinDocument));
  return problems;
}

/** A rule that sends to nowhere leaves out what it leaves out all the same. */
const spared = { policy: ['destination'] };

/** With what is wrong added to `problems`, and without those parts; null where one of them is needed. */
async function readConfig(
  file: string,
  installed: Installed,
  problems: ConfigProblem[],
): Promise<ConfigDocument | null> {
  const document = await readDocument(file, problems);
  if (document === null) return null;
  // Whoever uses the panel asks whether it is sound; without any there is no configuration. Another isolation than that
  // which is meant would hand the objects of a store over to another user.
  const parts = { needed: ['stateDir', 'isolation'], kept: ['panel'], whole: ['databases'], spared };
  const { value, problems: found } = soundPart(
    document,
    (one) => configProblems(file, one, installed),
    parts,
  );
  problems.push(...found);
  return value as ConfigDocument | null;
}

function configProblems(file: string, document: Settings, installed: Installed): ConfigProblem[] {
  const problems = schemaProblems(file, document, configSchema);
  const config = document as unknown as ConfigDocument;
  if (problems.every(({ pointer }) => partAt(pointer) === 'panel')) {
    problems.push(
      ...databaseProblems(file, config.databases),
      ...operationsProblems(file, config, installed),
    );
    for (const [index, scope] of config.scopes.entries()) {
      checkUse('scope', scope, `/scopes/${index}`, { file, ...installed, problems });
    }
  }
  checkUse('panel', config.panel, '/panel', { file, ...installed, problems });
  return problems;
}
