/** Drops databases that an import replaced and that were kept long enough: part of every backup run. */

import { databaseSettingsSchema } from '../core/config/config-schema.ts';
import { isHoldfastError } from '../core/errors.ts';
import { ImportJournal } from '../core/jobs/import/journal.ts';
import type { ImportEvent } from '../core/jobs/import/types.ts';
import { printable } from '../core/printable.ts';
import { resolveSecrets } from '../core/settings/secrets.ts';
import type { CliContext } from './command.ts';
import type { Loaded } from './configuration.ts';

export const notDropped = ({ database, kept, why }: Extract<ImportEvent, { type: 'not-dropped' }>): string =>
  `note: the replaced ${printable(database)}, kept in ${kept}, could not be dropped: ${why}`;

/** Never costs the run: what cannot be dropped now is tried by the next one. */
export async function dropReplaced(
  { world, output, signal }: CliContext,
  { configuration }: Pick<Loaded, 'configuration'>,
): Promise<void> {
  const { stateDir, databases } = configuration;
  try {
    const records = await new ImportJournal(stateDir).list();
    const due = records.filter(
      ({ phase, keptUntilMs }) => phase === 'kept' && keptUntilMs !== null && keptUntilMs <= world.now(),
    );
    if (due.length === 0) return;
    const { openDatabaseImporter } = await import('../core/databases/import/index.ts');
    const { dropExpired } = await import('../core/jobs/import/recover.ts');
    const wanted = databases.filter(({ name }) => due.some(({ instance }) => instance === name));
    const importers = await Promise.all(
      wanted.map(async (settings) =>
        openDatabaseImporter(await resolveSecrets(settings, databaseSettingsSchema, world)),
      ),
    );
    await dropExpired({
      stateDir,
      importers,
      locked: null,
      now: world.now,
      signal,
      onEvent: (event) => {
        if (event.type === 'expired')
          output.info(`dropped the replaced ${printable(event.database)}, kept in ${event.kept}`);
        if (event.type === 'not-dropped') output.note(notDropped(event));
      },
    });
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    output.note(`note: a replaced database could not be dropped: ${error.message}`);
  }
}
