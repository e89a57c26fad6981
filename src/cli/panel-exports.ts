/** Whether databases are exported twice: by the backup, and by the panel at a time of its own. */

import { isHoldfastError } from '../core/errors.ts';
import type { CliContext } from './command.ts';
import type { Loaded } from './configuration.ts';
import { openScopes } from './scopes.ts';

export interface PanelExports {
  /** Null: the panel could not be asked. */
  readonly twice: boolean | null;
  /** Why it could not, else null. */
  readonly problem: string | null;
}

export async function panelExports(
  context: Pick<CliContext, 'configDir' | 'world'>,
  { configuration: { databases, export: by } }: Pick<Loaded, 'configuration'>,
): Promise<PanelExports> {
  if (databases.length === 0 && by === 'direct') return { twice: false, problem: null };
  try {
    const { registry } = await openScopes(context);
    const value = await registry.find('backups.automatic-database-exports').get();
    return { twice: value === true, problem: null };
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return { twice: null, problem: error.message };
  }
}

export const twiceMessage =
  'exports run twice and out of step: the panel exports every database by itself, and so does the backup';
export const twiceHint = 'Run holdfast scope set backups.automatic-database-exports false.';
