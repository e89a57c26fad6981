/** The panel's accounts, and whether their trees can be captured whole. */

import { type Stats, statfsSync, statSync } from 'node:fs';
import type { Configuration } from '../../core/config/load-configuration.ts';
import type { Account, DatabaseEngine } from '../../core/index.ts';
import { type OwnDirectory, refuseOwn } from '../../core/jobs/backup/own-directories.ts';
import { type RefusedTree, refuseRawData } from '../../core/jobs/backup/raw-data.ts';
import { type SitesByUuid, selectAccounts } from '../../core/jobs/resolve-accounts.ts';
import { printable } from '../../core/printable.ts';
import { anewHint } from '../../core/state/carried-ids.ts';
import type { State } from '../../core/state/state.ts';
import { plural } from '../format.ts';
import { knownIds } from '../known-ids.ts';
import { noAccountHint, noAccountText, noneSelectedHint } from '../runs/select-accounts.ts';
import { type Check, caution, fault, ok } from './check.ts';

const named = 5;

export function checkAccounts(accounts: readonly Account[], panel: string): readonly Check[] {
  if (accounts.length === 0)
    return [fault('panel', 'ACCOUNT_NOT_FOUND', noAccountText(panel), noAccountHint)];
  const troubled = accounts.filter(({ problem }) => problem !== null);
  const checks = [ok('panel', `${panel}: ${plural(accounts.length, 'account')}`)];
  for (const { site, problem } of troubled.slice(0, named)) {
    checks.push(caution('panel', `${printable(site)}: ${problem}`));
  }
  if (troubled.length > named) {
    const more = `${plural(troubled.length - named, 'account')} more with a problem`;
    checks.push(caution('panel', more, 'Run holdfast accounts to see them all.'));
  }
  return checks;
}

/** Directories that carried a UUID and do so no longer: their accounts are, or would be, backed up as new ones. */
export async function checkCarried(accounts: readonly Account[], state: State): Promise<readonly Check[]> {
  const ids = await knownIds(accounts, state);
  const lost = accounts.flatMap((account) => {
    const former = state.former(account, ids.get(account) ?? null);
    return former === null ? [] : [{ site: account.site, former }];
  });
  const checks = lost.slice(0, named).map(({ site, former }) => {
    const detail = `${printable(site)}: ${printable(former.home, 4096)} no longer carries the UUID ${former.uuid}, under which its snapshots are`;
    return caution('accounts', detail, anewHint(former));
  });
  const more = lost.length - named;
  if (more > 0) checks.push(caution('accounts', `${plural(more, 'account')} more without the UUID before`));
  return checks;
}

/** One that is for nobody ends with ACCOUNT_NOT_FOUND whenever it runs. */
export function checkSelections(
  accounts: readonly Account[],
  { addins }: Configuration,
  sites: SitesByUuid,
): readonly Check[] {
  if (accounts.length === 0) return [];
  const idle = addins.filter(
    (addin) => selectAccounts(accounts, addin.accounts, sites).accounts.length === 0,
  );
  return idle.map(({ name }) =>
    caution(
      `accounts of ${name}`,
      `it selects none of ${plural(accounts.length, 'account')}`,
      noneSelectedHint,
    ),
  );
}

/** Undefined for what is missing, and for what an account keeps even from root by a mount of its own. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** One line for each file system: what it keeps of attributes and access lists. */
export async function checkTrees(accounts: readonly Account[]): Promise<readonly Check[]> {
  const { supportsXattr } = await import('../../core/filesystem/path-xattrs.ts');
  const byDevice = new Map<number, string>();
  const missing: string[] = [];
  for (const { path } of accounts.flatMap(({ trees }) => trees)) {
    const stat = statOf(path);
    if (stat === undefined) missing.push(path);
    else if (!byDevice.has(stat.dev)) byDevice.set(stat.dev, path);
  }
  const checks = [...byDevice.values()].map((path): Check => {
    const lacks = [
      ...(supportsXattr(path, 'user.holdfast') ? [] : ['extended attributes of users']),
      ...(supportsXattr(path, 'system.posix_acl_access') ? [] : ['access control lists']),
    ];
    const where = `the file system of ${printable(path, 4096)}`;
    if (lacks.length === 0) return ok('trees', `${where} keeps extended attributes and access control lists`);
    return caution('trees', `${where} keeps no ${lacks.join(' and no ')}`);
  });
  if (missing.length > 0) {
    const detail = `${plural(missing.length, 'tree')} missing or unreadable, first ${printable(missing[0]!, 4096)}`;
    checks.push(
      fault(
        'trees',
        'TREE_UNREADABLE',
        detail,
        'Mount what belongs there, and unmount what an account has mounted.',
      ),
    );
  }
  return checks;
}

/** Of the file systems that the panel's dumps, and ours with --to-accounts, are written to. */
const sparsePercent = 5;

export function checkDumpSpace(accounts: readonly Account[]): readonly Check[] {
  const trees = accounts.flatMap((account) =>
    account.databases.flatMap(({ dumps }) =>
      account.trees.filter(({ name }) => name === dumps?.tree).map(({ path }) => path),
    ),
  );
  const devices = new Map<number, string>();
  for (const path of trees) {
    const stat = statOf(path);
    if (stat !== undefined && !devices.has(stat.dev)) devices.set(stat.dev, path);
  }
  return [...devices.values()].map((path) => {
    const { bavail, blocks, bsize } = statfsSync(path);
    const percent = Math.floor((bavail / blocks) * 100);
    const gib = ((bavail * bsize) / 1024 ** 3).toFixed(1);
    const detail = `${gib} GiB (${percent} %) free where accounts' dumps lie: ${printable(path, 4096)}`;
    return percent < sparsePercent ? caution('dumps', detail, 'Make room.') : ok('dumps', detail);
  });
}

/** Files of a running database server are no backup of it; a backup refuses such a tree. */
export const checkRawData = (accounts: readonly Account[]): readonly Check[] =>
  refusals('raw data', 'directories of database servers are left out', accounts, refuseRawData);

/** Nor are stores and the state part of any backup. */
export const checkOwn = (accounts: readonly Account[], own: readonly OwnDirectory[]): readonly Check[] =>
  refusals('own directories', 'no account holds a store or the state', accounts, ({ trees }) =>
    refuseOwn(trees, own),
  );

function refusals(
  name: string,
  good: string,
  accounts: readonly Account[],
  refuse: (account: Account) => { readonly refused: readonly RefusedTree[] },
): readonly Check[] {
  const found = accounts.flatMap((account) =>
    refuse(account).refused.map(({ error }) => ({ site: account.site, error })),
  );
  if (found.length === 0) return [ok(name, good)];
  return found.slice(0, named).map(({ site, error }) => {
    return fault(name, error.code, `${printable(site)}: ${error.message}`, error.hint ?? null);
  });
}

const hints: Readonly<Record<string, string>> = {
  client: 'Install the client programs of the server, or say where they are with "clientPath".',
  connection: 'Start the server, or correct its entry in "databases" of config.json.',
};

export async function checkDatabases(
  engines: readonly DatabaseEngine[],
  accounts: readonly Account[],
  signal: AbortSignal,
): Promise<readonly Check[]> {
  const checks = await Promise.all(
    engines.map(async (engine) => {
      const results = await engine.check({ signal });
      return results.map(({ name, state, detail, code = 'DATABASE_UNREACHABLE' }): Check => {
        const what = `database ${engine.instance}: ${name}`;
        if (state === 'ok') return ok(what, detail);
        return state === 'warning' ? caution(what, detail) : fault(what, code, detail, hints[name] ?? null);
      });
    }),
  );
  const families = new Set(accounts.flatMap(({ databases }) => databases.map(({ family }) => family)));
  const unconfigured = [...families].filter((one) => !engines.some(({ family }) => family === one));
  return [
    ...checks.flat(),
    ...unconfigured.map((family) => {
      const users = accounts.filter(({ databases }) => databases.some((one) => one.family === family)).length;
      const detail = `${plural(users, 'account')} may have ${family} databases, and no such server is configured`;
      return caution(
        'databases',
        detail,
        'Add it to "databases" in config.json, or nothing of it is exported.',
      );
    }),
  ];
}
