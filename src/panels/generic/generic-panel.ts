/**
 * The panel adapter for servers without a panel we know: accounts by paths and globs from the configuration.
 *
 * Reads names and owners of directories, nothing else. Has no layers and no caches, so a restore
 * writes where the tree is and nothing follows it.
 */

import { join, resolve } from 'node:path';
import type { Account, CallOptions, Panel, PanelDefinition, Settings, Tree } from '../../core/index.ts';
import { HoldfastError, panelContract } from '../../core/index.ts';
import { throwIfInterrupted } from '../../core/interruption.ts';
import { printable } from '../../core/printable.ts';
import { accountOfDatabases } from '../../core/state/database-owners.ts';
import { exchangeable, expandPath, type FoundDirectory, isAbsent, lookAt } from './expand-path.ts';
import { type AccountRule, type GenericSettings, genericSettingsSchema } from './settings.ts';

const systemSite = '_system';
const byNature = new Intl.Collator('en', { numeric: true });

export class GenericPanel implements Panel {
  readonly name = 'generic';
  readonly #settings: GenericSettings;

  constructor(settings: GenericSettings) {
    this.#settings = settings;
  }

  async accounts({ signal }: CallOptions): Promise<readonly Account[]> {
    const byPath = new Map<string, Account>();
    const bySite = new Map<string, string>([[systemSite, 'the files of the server']]);
    for (const rule of this.#settings.accounts) {
      throwIfInterrupted(signal, 'listing accounts');
      for (const found of directoriesOf(rule)) {
        if (byPath.has(found.path)) continue;
        const account = describe(rule, found, bySite);
        bySite.set(account.site, found.path);
        byPath.set(found.path, account);
      }
    }
    const accounts = [...byPath.values()];
    accounts.sort((a, b) => byNature.compare(a.site, b.site) || (a.site < b.site ? -1 : 1));
    return [...accounts, ...systemAccount(this.#settings.system)];
  }

  async writablePath({ account, tree }: { account: Account; tree: string } & CallOptions) {
    const path = account.trees.find(({ name }) => name === tree)?.path;
    if (path === undefined) return { path: null, reason: `${account.site} has no tree ${tree}` };
    if (account.home === null) {
      return { path: null, reason: 'system files are restored aside and put back by hand' };
    }
    return { path };
  }

  async afterRestore(): Promise<void> {}
}

function directoriesOf(rule: AccountRule): FoundDirectory[] {
  try {
    return expandPath(rule.path);
  } catch (cause) {
    throw new HoldfastError('PANEL_UNREADABLE', `cannot list what fits ${printable(rule.path)}`, {
      cause,
      hint: 'Correct "path" of the rule in config.json, or mount what belongs there.',
    });
  }
}

function describe(rule: AccountRule, found: FoundDirectory, bySite: ReadonlyMap<string, string>): Account {
  const fill = (template: string): string => template.replaceAll('{name}', () => found.name);
  const problems = found.problem === null ? [] : [found.problem];
  const wanted = fill(rule.name);
  let site = wanted;
  const holderOf = (name: string): string | undefined => bySite.get(name) ?? reservedFor(name);
  for (let number = 2; holderOf(site) !== undefined; number += 1) site = `${wanted}~${number}`;
  if (site !== wanted) problems.push(`the name ${wanted} is taken by ${holderOf(wanted)}`);
  // Trees of a directory that is gone or unreadable stay listed: their capture fails where everybody sees it.
  if (found.stat === null && found.problem === null)
    problems.push(found.unreadable ?? 'its directory is missing');
  const trees: Tree[] = [];
  for (const [name, { path, exclude, include }] of found.problem === null ? Object.entries(rule.trees) : []) {
    const problem = unsafeStep(found.path, path);
    if (problem !== null) problems.push(`tree ${name}: ${problem}`);
    else
      trees.push({
        name,
        path: join(found.path, path),
        exclude,
        ...(include === undefined ? {} : { include }),
      });
  }
  return {
    site,
    home: found.stat === null ? null : found.path,
    domain: rule.domain === undefined ? null : fill(rule.domain),
    aliases: [],
    plan: null,
    state: 'active',
    problem: problems.length === 0 ? null : printable(problems.join('; '), 2000),
    owner: found.stat === null ? null : { uid: found.stat.uid, gid: found.stat.gid },
    trees,
    databases: rule.databases.map(({ family, prefix, admin, names }) => ({
      family,
      prefix: prefix === undefined ? null : fill(prefix),
      admin: admin === undefined ? null : fill(admin),
      names: (names ?? []).map(fill),
    })),
    metadata: { path: found.path },
  };
}

/** Snapshots of an account's databases only have such names, also of an account that is still to come. */
function reservedFor(site: string): string | undefined {
  const account = accountOfDatabases(site);
  return account === null ? undefined : `the databases of ${account}`;
}

/** Why the walk to a tree could be led astray by the account, or null. */
function unsafeStep(home: string, path: string): string | null {
  if (path === '.') return null;
  let parent = home;
  let above = lookAt(home);
  for (const part of path.split('/')) {
    const step = join(parent, part);
    const look = lookAt(step);
    if (look.stat?.isSymbolicLink()) return `${step} is a symbolic link`;
    if (isAbsent(look)) return null;
    const problem = exchangeable(parent, above);
    if (problem !== null)
      return above.stat === null ? problem : `${problem}; use "path": "." with "include": ["${path}"]`;
    [parent, above] = [step, look];
  }
  return null;
}

function systemAccount(system: GenericSettings['system']): Account[] {
  if (system === undefined) return [];
  const { path, include, exclude } = system;
  return [
    {
      site: systemSite,
      home: null,
      domain: null,
      aliases: [],
      plan: null,
      state: 'active',
      problem: null,
      owner: { uid: 0, gid: 0 },
      trees: [{ name: 'system', path: resolve(path), exclude, include }],
      databases: [],
      metadata: {},
    },
  ];
}

export const genericPanel: PanelDefinition = {
  kind: 'panel',
  name: 'generic',
  version: '1.0.0',
  contract: panelContract,
  settingsSchema: genericSettingsSchema,
  directories: (settings) =>
    (settings as unknown as GenericSettings).accounts.map(({ path }) => fixedPart(path)),
  async open(settings: Settings): Promise<Panel> {
    return new GenericPanel(settings as unknown as GenericSettings);
  },
};

/** What stands before the first component with a wildcard. */
const fixedPart = (path: string): string => path.replace(/\/[^/]*[*?].*$/, '') || '/';
