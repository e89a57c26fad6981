/** A pin, a legal hold or an end of them, just written to the main store, goes into its copies at once where that can be. */

import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import { copyEvent } from '../core/jobs/copy/copy-events.ts';
import { type AccountEvent, keyOfEvent } from '../core/jobs/events.ts';
import type { CliContext } from './command.ts';
import { asCopy, chooseAddin } from './configuration.ts';
import { openStore } from './opened.ts';
import { checkPresence } from './store-presence.ts';
import type { StoreSession } from './store-session.ts';

/**
 * A copy that does not take them stops nothing: the next backup brings them there.
 *
 * @param session of the main store; of a copy there is nowhere to go
 * @returns names of the copies that lack them, each of which is noted
 */
export async function sendToCopies(
  context: CliContext,
  { loaded, addin, opened, state, trust }: StoreSession,
  events: readonly AccountEvent[],
): Promise<string[]> {
  const { world, signal, output } = context;
  if (addin.copies.length === 0 || events.length === 0) return [];
  const configured = chooseAddin(loaded.configuration, addin.name);
  const lacking: string[] = [];
  for (const copy of configured.copies) {
    try {
      const chosen = asCopy(configured, copy);
      const remembered = state?.storeId(chosen.name) ?? null;
      // Whether a place that it never wrote to is the copy, only a backup can say.
      if (remembered === null) throw notYet();
      const target = await openStore(loaded, chosen, world);
      try {
        const note = (text: string): void => output.note(text);
        const place = { store: target.store, addin: chosen, remembered };
        await checkPresence({ ...place, needs: 'whole', signal, note });
        const path = { source: opened, target, signal, onSent: () => {} };
        for (const event of events) await copyEvent(path, keyOfEvent(event), trust);
      } finally {
        await target.store.close();
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!isHoldfastError(error)) throw error;
      lacking.push(copy.name);
      output.note(`note: the copy ${copy.name} has it only after the next backup: ${error.message}`);
    }
  }
  return lacking;
}

const notYet = (): HoldfastError =>
  new HoldfastError('STORE_FOREIGN', 'this server has written nothing there yet');
