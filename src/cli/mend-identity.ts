/** The first step of `repair`: the `holdfast.json` of the store, or of the copy. */

import { mendStoreFile } from '../core/jobs/repair/mend-store-file.ts';
import { printable } from '../core/printable.ts';
import type { CliContext } from './command.ts';
import { chooseAddin } from './configuration.ts';
import type { RepairDocument } from './documents/repair.ts';
import type { StoreSession } from './store-session.ts';

interface MendChoice {
  readonly addin?: string;
  /** Name of the copy that is mended; left out: the main store. */
  readonly copy?: string;
  readonly apply?: true;
}

/**
 * Tells what is wrong with it, and what was done.
 *
 * @returns null where it is whole
 * @throws STORE_FOREIGN, OBJECT_DAMAGED it is lost or damaged, and nothing proves which store it is
 */
export async function mendIdentity(
  { output, world, signal }: CliContext,
  { loaded, addin, opened: { store, provider }, state, trust }: StoreSession,
  { addin: addinName, copy, apply }: MendChoice,
): Promise<RepairDocument['storeFile']> {
  const main = copy === undefined ? addin : chooseAddin(loaded.configuration, addinName);
  const file = await mendStoreFile({
    ...{ store, provider, trust, apply: apply === true, now: world.now, signal },
    remembered: state?.storeId(addin.name) ?? null,
    namedBy: state?.storeId(main.name) ?? null,
  });
  if (file === null) return null;
  const problem = printable(file.problem, 4096);
  const remedy = file.mended ? 'written again' : 'can be written again';
  output.line(`${problem}; ${remedy}, with the id ${file.store}`);
  return { ...file, problem };
}
