/**
 * Ends what killed imports of an account have left, before its databases are exported: a site that waits for an
 * exchange would be backed up as it stands, without triggers or not at all.
 */

import type { Warning } from '../../archive/components.ts';
import type { DatabaseImporter, ImportRecord } from '../../databases/import/types.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { printable, quoted } from '../../printable.ts';
import { ImportJournal } from './journal.ts';
import { recoverImports } from './recover.ts';
import type { ImportContext, ImportEvent } from './types.ts';

export interface EndKilledRequest extends Pick<ImportContext, 'stateDir' | 'keepMs' | 'now' | 'signal'> {
  /** The UUID of the account, whose lock the caller holds. */
  readonly owner: string;
  /** Null where no such server is configured any more. */
  readonly open: (instance: string) => Promise<DatabaseImporter | null>;
}

export const whatEndsIt =
  'mend the cause; the next backup of the account, and the next holdfast db import into the database, try again';

/** Under way, or killed: whoever holds the account's lock knows which. */
export async function unfinishedImports(stateDir: string): Promise<readonly ImportRecord[]> {
  return (await new ImportJournal(stateDir).list()).filter(({ phase }) => phase !== 'kept');
}

/** What was done, and what could not be. Never costs the backup. @throws INTERRUPTED */
export async function endKilledImports(request: EndKilledRequest): Promise<readonly Warning[]> {
  const { owner, open, ...rest } = request;
  const records = (await unfinishedImports(request.stateDir)).filter((one) => one.owner === owner);
  const warnings: Warning[] = [];
  const add = (code: string, message: string): void =>
    void warnings.push({ code, component: 'account', message });
  const unfinished = (database: string, why: string): void =>
    add(
      'import-unfinished',
      `an import of ${quoted(database)} was killed and is not ended: ${why}; ${whatEndsIt}`,
    );
  const onEvent = (event: ImportEvent): void => {
    if (event.type === 'recovered')
      add('import-ended', `an import of ${quoted(event.database)} had been killed; now it is ${event.how}`);
    else if (event.type === 'unfinished') unfinished(event.database, event.message);
    else if (event.type === 'incomplete') add(event.warning.code, event.warning.message);
  };
  const instances = new Map(records.map((record) => [record.instance, record]));
  for (const [instance, { site, selector }] of instances) {
    try {
      const importer = await open(instance);
      if (importer === null) throw notConfigured(instance);
      const account = { owner, site, selector };
      await recoverImports({ ...rest, importer, account, onEvent }, null);
    } catch (error) {
      if (isHoldfastError(error) && error.code === 'INTERRUPTED') throw error;
      const why = error instanceof Error ? error.message : String(error);
      for (const one of records) if (one.instance === instance) unfinished(one.database, printable(why, 500));
    }
  }
  return warnings;
}

const notConfigured = (instance: string): HoldfastError =>
  new HoldfastError('DATABASE_UNREACHABLE', `no database server is configured as ${quoted(instance)}`, {
    hint: 'Configure it again.',
  });
