/** `holdfast db grant`: the user that may read everything an export needs, and change nothing. */

import type { DatabaseSettings } from '../../core/config/config-schema.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { DatabaseEngine } from '../../core/index.ts';
import { printable, quoted } from '../../core/printable.ts';
import { readSecret } from '../../core/settings/secrets.ts';
import type { CliCommand } from '../command.ts';
import { collected } from '../command.ts';
import { loadConfigured } from '../configuration.ts';
import type { DatabaseGrantDocument } from '../documents/database-grant.ts';
import { openEngines } from '../opened.ts';

interface Options {
  readonly engine?: readonly string[];
  readonly user: string;
  readonly host: string;
  readonly password?: string;
  readonly apply?: true;
}

export const dbGrant: CliCommand<Options> = {
  exits: ['SECRET_UNUSABLE', 'DATABASE_UNREACHABLE'],

  define(command) {
    command
      .option('--engine <engine>', 'name of a configured server; may be repeated (default: all)', collected)
      .option('--user <name>', 'name of the user', 'holdfast')
      .option('--host <host>', 'where it may log in from; MariaDB and MySQL', 'localhost')
      .option('--password <reference>', 'env:NAME or file:PATH; needed with --apply')
      .option('--apply', 'create the user, logged in as the configured one')
      .addHelpText(
        'after',
        '\nWithout --apply the statements are printed, for you to run. With it they are run, and the user of the\nserver in config.json can be replaced by the new one: everything but import works with it.',
      );
  },

  async run({ configDir, world, output, signal }, { options }) {
    const { engine: wanted, user, host, password, apply } = options;
    const { configuration } = await loadConfigured(configDir);
    const settings = chooseServers(configuration.databases, wanted);
    if (apply === true && password === undefined) {
      throw new HoldfastError('USAGE', '--apply needs a password for the user', {
        hint: 'Add --password file:PATH; the file has mode 0600.',
      });
    }
    const secret = apply === true ? await readSecret(password!, world) : null;
    const engines = await openEngines({ ...configuration, databases: settings }, world);
    try {
      const servers: DatabaseGrantDocument['servers'][number][] = [];
      for (const engine of engines) {
        const statements = await statementsOf(engine, { user, host, secret, signal });
        servers.push({ instance: engine.instance, engine: engine.engine, user, statements });
        output.info(`-- ${engine.instance}${apply === true ? ': done' : ''}`);
        if (apply !== true) for (const line of statements) output.line(`${printable(line, 10_000)};`);
      }
      output.document<DatabaseGrantDocument>({ applied: apply === true, servers });
      return 0;
    } finally {
      await Promise.all(engines.map((engine) => engine.close()));
    }
  },
};

/** @throws USAGE no server has that name */
function chooseServers(
  databases: readonly DatabaseSettings[],
  wanted: readonly string[] | undefined,
): readonly DatabaseSettings[] {
  for (const name of wanted ?? []) {
    if (databases.some((one) => one.name === name)) continue;
    throw new HoldfastError('USAGE', `no configured database server is called ${quoted(name)}`, {
      hint: 'Name one of "databases" in config.json.',
    });
  }
  if (databases.length > 0) return databases.filter(({ name }) => wanted?.includes(name) ?? true);
  throw new HoldfastError('CONFIG_INVALID', 'no database server is configured', {
    hint: 'Add it to "databases" in config.json.',
  });
}

async function statementsOf(
  engine: DatabaseEngine,
  {
    user,
    host,
    secret,
    signal,
  }: {
    readonly user: string;
    readonly host: string;
    readonly secret: string | null;
    readonly signal: AbortSignal;
  },
): Promise<string[]> {
  if (engine.readOnlyUser === undefined) {
    // Only stands in for a server whose secret cannot be read; any question says why.
    await engine.discover({
      selector: { family: engine.family, prefix: null, admin: null, names: [] },
      signal,
    });
    return [];
  }
  const apply = secret === null ? null : { password: secret };
  return [...(await engine.readOnlyUser({ user, host, apply, signal }))];
}
