/** On which configured server an account's database lies, and how to import into it. */

import { type DatabaseSettings, databaseSettingsSchema } from '../core/config/config-schema.ts';
import { requireSound } from '../core/config/without-faults.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Account } from '../core/index.ts';
import type { ImportContext, ImportEvent } from '../core/jobs/import/types.ts';
import { quoted } from '../core/printable.ts';
import { resolveSecrets } from '../core/settings/secrets.ts';
import type { CliContext } from './command.ts';
import type { Loaded } from './configuration.ts';

export interface DatabaseName {
  readonly instance: string | null;
  readonly database: string;
}

/**
 * `NAME`, or `INSTANCE/NAME` with the name of a configured server.
 *
 * @throws CONFIG_INVALID one of the servers is not as it should be, and may be the one that is meant
 */
export function databaseName(typed: string, { configuration }: Pick<Loaded, 'configuration'>): DatabaseName {
  requireSound(configuration, 'databases');
  const at = typed.indexOf('/');
  const instance = at < 0 ? null : typed.slice(0, at);
  if (instance === null || !configuration.databases.some(({ name }) => name === instance)) {
    return { instance: null, database: typed };
  }
  return { instance, database: typed.slice(at + 1) };
}

const familyOf = ({ engine }: DatabaseSettings): 'mysql' | 'postgresql' =>
  engine === 'postgresql' ? 'postgresql' : 'mysql';

/**
 * The server that is meant: by its name, else the only one of the dump's kind.
 *
 * @throws USAGE there is none, or several
 */
export function chooseServer(
  { configuration }: Loaded,
  wanted: { readonly instance: string | null; readonly family: 'mysql' | 'postgresql' },
): DatabaseSettings {
  const fits = configuration.databases.filter((one) => familyOf(one) === wanted.family);
  const named = fits.filter(({ name }) => name === wanted.instance);
  const found = named.length > 0 ? named : wanted.instance === null || fits.length === 1 ? fits : [];
  const [only, other] = found;
  if (only !== undefined && other === undefined) return only;
  const names = fits.map(({ name }) => name).join(', ');
  throw new HoldfastError(
    'USAGE',
    only === undefined
      ? `no database server for this dump is configured as ${quoted(wanted.instance ?? wanted.family)}`
      : `several servers are configured: ${names}`,
    { hint: 'Name a server of config.json: --database INSTANCE/NAME.' },
  );
}

export interface OpenedImport {
  readonly context: ImportContext;
  /** The account's databases on that server now. */
  readonly mine: () => Promise<ReadonlySet<string>>;
}

/** @throws USAGE the account has no databases on such servers; SECRET_UNUSABLE */
export async function openImport(
  { world, signal }: CliContext,
  { configuration }: Loaded,
  request: {
    readonly account: Account;
    readonly owner: string;
    readonly server: DatabaseSettings;
    readonly onEvent: (event: ImportEvent) => void;
  },
): Promise<OpenedImport> {
  const { account, owner, server, onEvent } = request;
  const selector = account.databases.find(({ family }) => family === familyOf(server));
  if (selector === undefined) {
    throw new HoldfastError('USAGE', `account ${account.site} has no databases on ${quoted(server.name)}`, {
      hint: 'Turn the service on in the panel first.',
    });
  }
  const { openDatabaseImporter } = await import('../core/databases/import/index.ts');
  const { openDatabaseEngine } = await import('../core/databases/index.ts');
  const config = await resolveSecrets(server, databaseSettingsSchema, world);
  const dayMs = 86_400_000;
  return {
    context: {
      importer: await openDatabaseImporter(config),
      account: { owner, site: account.site, selector },
      stateDir: configuration.stateDir,
      keepMs: configuration.keepReplacedDays * dayMs,
      now: world.now,
      newId: world.newObjectId,
      signal,
      onEvent,
    },
    async mine() {
      const engine = await openDatabaseEngine(config, world);
      try {
        return new Set((await engine.discover({ selector, signal })).map(({ name }) => name));
      } finally {
        await engine.close();
      }
    },
  };
}
