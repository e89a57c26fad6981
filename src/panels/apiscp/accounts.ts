/**
 * The accounts of an ApisCP server, read from `home/virtual`.
 *
 * Only real directories named `site<N>` count: the panel keeps links by domain and by system group
 * beside them, and following those would yield every account three times. `fst/`, the composite
 * mount, is never entered.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PanelCache } from '../../core/contracts/panel.ts';
import {
  type Account,
  type CallOptions,
  type DatabaseSelector,
  HoldfastError,
  type Tree,
} from '../../core/index.ts';
import { throwIfInterrupted } from '../../core/interruption.ts';
import { printable } from '../../core/printable.ts';
import { Directory, UnexpectedEntry } from './directory.ts';
import { SiteCache, type SiteFacts } from './site-cache.ts';
import { readSiteMetadata, type SiteMetadata } from './site-metadata.ts';

/** The overlay keeps its scratch directories in `info`; database files are no backup of a database. */
const excluded = { info: ['work', 'index'], shadow: ['var/lib/mysql', 'var/lib/pgsql'] } as const;

/** Files of the server itself that the panel's vendor recommends to keep. */
const systemFiles = ['var/log/mailer_table*', 'var/lib/mysql/mysql-grants*', 'var/lib/pgsql/*/backups'];

const siteForm = /^site[1-9][0-9]*$/;

interface ListOptions extends CallOptions {
  readonly cache?: PanelCache;
  readonly brief?: boolean;
  readonly dumpsKept?: number;
}

/** @throws PANEL_UNREADABLE there is no `home/virtual` under the root */
export async function listAccounts(
  root: string,
  { signal, cache, brief = false, dumpsKept = 5 }: ListOptions,
): Promise<Account[]> {
  const virtual = join(root, 'home/virtual');
  let names: string[];
  try {
    const entries = readdirSync(virtual, { withFileTypes: true });
    names = entries.filter((one) => siteForm.test(one.name) && one.isDirectory()).map(({ name }) => name);
  } catch (cause) {
    throw new HoldfastError('PANEL_UNREADABLE', `cannot list ${printable(virtual)}`, {
      cause,
      hint: 'Set "root" of the panel to where home/virtual lies.',
    });
  }
  names.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  const kept = cache === undefined ? null : await SiteCache.open(cache, virtual);
  try {
    const accounts: Account[] = [];
    for (const [index, name] of names.entries()) {
      // Reading is synchronous; now and then others get their turn.
      if (index % 50 === 49) await new Promise(setImmediate);
      throwIfInterrupted(signal, 'listing accounts');
      const home = `${virtual}/${name}`;
      let facts = kept?.find(name, brief) ?? null;
      if (facts === null) {
        facts = readSite(home);
        kept?.add(name, facts);
      }
      accounts.push(describeSite(home, name, facts, dumpsKept));
    }
    await kept?.save();
    return [...accounts, systemAccount(root)];
  } finally {
    kept?.close();
  }
}

const nothing: SiteMetadata = {
  generation: null,
  domain: null,
  aliases: [],
  plan: null,
  adminUser: null,
  databases: [],
  metadata: {},
  problems: [],
};

function readSite(home: string): SiteFacts {
  const problems: string[] = [];
  let { metadata, ...found } = nothing;
  let state: Account['state'] = 'active';
  let owner: Account['owner'] = null;
  try {
    using base = Directory.at(home, '');
    if (base === null) problems.push('vanished while it was read');
    using info = base === null ? null : attempt(problems, () => base.directory('info'), 'info');
    if (info !== null) {
      ({ metadata, ...found } = readSiteMetadata(info));
      problems.push(...found.problems);
      state = stateOf(info);
    }
    using shadow = base === null ? null : attempt(problems, () => base.directory('shadow'), 'shadow');
    if (shadow !== null) owner = ownerOf(shadow, found.adminUser);
  } catch (error) {
    problems.push(error instanceof UnexpectedEntry ? error.message : `cannot be read: ${codeOf(error)}`);
  }
  return { found, metadata, state, owner, problems };
}

function describeSite(
  home: string,
  site: string,
  { found, metadata, state, owner, problems }: SiteFacts,
  dumpsKept: number,
): Account {
  return {
    site,
    home,
    domain: found.domain,
    aliases: found.aliases,
    plan: found.plan,
    state,
    problem: problems.length === 0 ? null : printable(problems.join('; '), 2000),
    owner,
    trees: (['shadow', 'info'] as const).map(
      (name): Tree => ({ name, path: `${home}/${name}`, exclude: excluded[name] }),
    ),
    databases: found.databases.map((selector) => withDumps(selector, found.adminUser, dumpsKept)),
    metadata,
  };
}

/** The panel keeps dumps of MariaDB in the administrator's home; where it would keep others is not known. */
function withDumps(selector: DatabaseSelector, adminUser: string | null, keep: number): DatabaseSelector {
  const usable = adminUser !== null && /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(adminUser);
  if (selector.family !== 'mysql' || !usable) return selector;
  return { ...selector, dumps: { tree: 'shadow', path: `home/${adminUser}/mysql_backups`, keep } };
}

/** The directory, or null with the reason among the problems. */
function attempt(problems: string[], open: () => Directory | null, name: string): Directory | null {
  try {
    const directory = open();
    if (directory === null) problems.push(`${name} is missing`);
    return directory;
  } catch (error) {
    if (!(error instanceof UnexpectedEntry)) throw error;
    problems.push(error.message);
    return null;
  }
}

/** A pending edit weighs more than a suspension: it decides whether a restore in place is safe. */
function stateOf(info: Directory): Account['state'] {
  if (info.stat('new')?.directory && info.holdsAny('new')) return 'editing';
  return info.stat('disabled') === null ? 'active' : 'suspended';
}

/** Of the administrator's home where there is one, else of the tree. */
function ownerOf(shadow: Directory, adminUser: string | null): Account['owner'] {
  let stat = shadow.own();
  try {
    using homes = shadow.directory('home');
    const home = adminUser === null ? null : homes?.stat(adminUser);
    if (home?.directory && home.uid !== 0) stat = home;
  } catch (error) {
    if (!(error instanceof UnexpectedEntry)) throw error;
  }
  return { uid: stat.uid, gid: stat.gid };
}

function systemAccount(root: string): Account {
  return {
    site: '_system',
    home: null,
    domain: null,
    aliases: [],
    plan: null,
    state: 'active',
    problem: null,
    owner: { uid: 0, gid: 0 },
    trees: [{ name: 'system', path: root, exclude: [], include: systemFiles }],
    databases: [],
    metadata: {},
  };
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code ?? 'unknown');
}
