/** Whether a backup would refuse the store as a whole, found out without writing to it. */

import type { Store } from '../core/index.ts';
import { type EncryptedBeside, encryptedBeside } from '../core/jobs/backup/encrypted-beside.ts';
import { checkEncryption } from '../core/jobs/backup/owner-epoch.ts';
import type { State } from '../core/state/state.ts';
import type { CliContext } from './command.ts';
import { chooseAddin } from './configuration.ts';
import type { OpenedStore } from './opened.ts';
import type { RunAsked } from './runs/run-parts.ts';
import { ownServers } from './search.ts';
import { checkPresence } from './store-presence.ts';

/** @throws what a run ends with before its first account: STORE_FOREIGN, STORE_ENCRYPTED, RECIPIENTS_UNUSABLE */
export async function requireUsable(
  { output, signal }: CliContext,
  {
    loaded,
    chosen,
    opened,
    state,
  }: RunAsked & { readonly opened: OpenedStore; readonly state: State | null },
): Promise<void> {
  const { store, name } = opened;
  const addin = chooseAddin(loaded.configuration, name);
  const remembered = state?.storeId(name) ?? null;
  const note = (text: string): void => output.note(text);
  await checkPresence({ store, addin, remembered, needs: 'any', signal, note });
  const { stateDir } = loaded.configuration;
  const plain = opened.encryption === 'none' && chosen.allowPlaintext !== true;
  const beside = plain ? besideIn(store, state, remembered, signal) : Promise.resolve(null);
  const about = { addin: opened, storeId: remembered ?? '', stateDir };
  await checkEncryption(about, chosen.allowPlaintext === true, beside);
}

/** Null where only the state knows. */
async function besideIn(
  store: Store,
  state: State | null,
  remembered: string | null,
  signal: AbortSignal,
): Promise<EncryptedBeside | null> {
  if (store.capabilities.putOnly) return remembered === null ? 'none' : null;
  return encryptedBeside(store, ownServers(state), signal);
}
