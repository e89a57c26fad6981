/** Which databases of which accounts: asks every server, then applies what was asked for. */

import type { DatabaseEngine } from '../../contracts/database.ts';
import type { Account, DatabaseSelector } from '../../contracts/panel.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { globToRegExp } from '../../glob.ts';
import { quoted } from '../../printable.ts';
import { eachLimited } from '../each-limited.ts';
import type { ChosenDatabase, DatabaseFilter } from './types.ts';

/** All databases of one account on one server. */
export interface ExportGroup {
  readonly account: Account;
  readonly engine: DatabaseEngine;
  readonly selector: DatabaseSelector;
  readonly databases: readonly ChosenDatabase[];
  /** Why the server's databases are not known; null where they are. */
  readonly error: HoldfastError | null;
}

const queriesAtOnce = 4;

export function matchesEngine(engine: DatabaseEngine, { engines }: DatabaseFilter): boolean {
  const names = [engine.instance, engine.engine, engine.family];
  return engines.length === 0 || engines.some((wanted) => names.includes(wanted));
}

export function matchesFilter(instance: string, name: string, filter: DatabaseFilter): boolean {
  const fits = (pattern: string): boolean => {
    const expression = globToRegExp(pattern);
    return expression.test(name) || expression.test(`${instance}/${name}`);
  };
  return (filter.databases.length === 0 || filter.databases.some(fits)) && !filter.exclude.some(fits);
}

/** An engine that finds only what the filter lets through. Closing it closes the engine behind it. */
export function filteredEngine(engine: DatabaseEngine, filter: DatabaseFilter): DatabaseEngine {
  return {
    instance: engine.instance,
    engine: engine.engine,
    family: engine.family,
    check: (options) => engine.check(options),
    discover: async (request) =>
      (await engine.discover(request)).filter(({ name }) => matchesFilter(engine.instance, name, filter)),
    exports: (request) => engine.exports(request),
    close: () => engine.close(),
  };
}

/**
 * In the order of the accounts; groups without a database are left out.
 *
 * @throws DATABASE_NOT_FOUND a name was asked for that no account has
 */
export async function chooseDatabases(
  accounts: readonly Account[],
  engines: readonly DatabaseEngine[],
  filter: DatabaseFilter,
  signal: AbortSignal,
): Promise<readonly ExportGroup[]> {
  const wanted = accounts.flatMap((account) =>
    account.databases.flatMap((selector) =>
      engines
        .filter((engine) => engine.family === selector.family && matchesEngine(engine, filter))
        .map((engine) => ({ account, engine, selector })),
    ),
  );
  const groups = new Map<(typeof wanted)[number], ExportGroup>();
  await eachLimited(wanted, queriesAtOnce, async (one) => {
    const { account, engine, selector } = one;
    try {
      const found = await engine.discover({ selector, signal });
      const databases = found
        .filter(({ name }) => matchesFilter(engine.instance, name, filter))
        .map(({ name, estimatedBytes }) => ({ account, engine, name, estimatedBytes }));
      groups.set(one, { ...one, databases, error: null });
    } catch (error) {
      signal.throwIfAborted();
      if (!isHoldfastError(error)) throw error;
      groups.set(one, { ...one, databases: [], error });
    }
  });
  const ordered = wanted.map((one) => groups.get(one)!);
  requireAll(ordered, filter);
  return ordered.filter(({ databases, error }) => databases.length > 0 || error !== null);
}

/** Where a server did not answer, nobody knows what it has. */
function requireAll(groups: readonly ExportGroup[], filter: DatabaseFilter): void {
  if (groups.some(({ error }) => error !== null)) return;
  const all = groups.flatMap(({ databases }) => databases);
  for (const pattern of filter.databases) {
    const one = { ...filter, databases: [pattern] };
    if (all.some(({ engine, name }) => matchesFilter(engine.instance, name, one))) continue;
    throw new HoldfastError('DATABASE_NOT_FOUND', `no account has a database ${quoted(pattern)}`, {
      hint: 'Run `holdfast backup --dry-run` to see the databases of each account.',
    });
  }
}
