/** Ends imports that were killed, before a backup reads the account's databases; and tells of them where none is run. */

import type { Warning } from '../core/archive/components.ts';
import { databaseSettingsSchema } from '../core/config/config-schema.ts';
import { endKilledImports, unfinishedImports, whatEndsIt } from '../core/jobs/import/end-killed.ts';
import { quoted } from '../core/printable.ts';
import { resolveSecrets } from '../core/settings/secrets.ts';
import { type Check, caution } from './checks/check.ts';
import type { CliContext } from './command.ts';
import type { Loaded } from './configuration.ts';

/** For one account whose lock is held. */
export function importsEnder(
  { world, signal }: Pick<CliContext, 'world' | 'signal'>,
  { configuration }: Pick<Loaded, 'configuration'>,
): (owner: string) => Promise<readonly Warning[]> {
  const { stateDir, databases, keepReplacedDays } = configuration;
  return (owner) =>
    endKilledImports({
      stateDir,
      owner,
      keepMs: keepReplacedDays * 86_400_000,
      now: world.now,
      signal,
      async open(instance) {
        const settings = databases.find(({ name }) => name === instance);
        if (settings === undefined) return null;
        const { openDatabaseImporter } = await import('../core/databases/import/index.ts');
        return openDatabaseImporter(await resolveSecrets(settings, databaseSettingsSchema, world));
      },
    });
}

/** What `doctor` says of imports that are under way or were killed. */
export async function checkImports({ configuration }: Pick<Loaded, 'configuration'>): Promise<Check[]> {
  const records = await unfinishedImports(configuration.stateDir);
  return records.map(({ database, instance, site, phase, startedAtMs }) => {
    const began = new Date(startedAtMs).toISOString();
    const state =
      phase === 'loading' ? 'the live one is untouched' : 'the live one may lack objects or refuse visitors';
    return caution(
      'imports',
      `an import of ${quoted(database)} of ${quoted(site)} on ${quoted(instance)}, begun ${began}, has not ended: ${state}`,
      `Where it is not under way, ${whatEndsIt}.`,
    );
  });
}
