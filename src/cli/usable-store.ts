/** Whether a backup would refuse the store as a whole, found out without writing to it. */

import { holdsKeys } from '../core/encryption/owner-keys.ts';
import type { Store } from '../core/index.ts';
import { checkEncryption } from '../core/jobs/backup/owner-epoch.ts';
import type { State } from '../core/state/state.ts';
import type { CliContext } from './command.ts';
import { chooseAddin } from './configuration.ts';
import type { OpenedStore } from './opened.ts';
import type { RunAsked } from './runs/run-parts.ts';
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
  const hasKeys = hasKeysOf(store, state, remembered, signal);
  const about = { addin: opened, storeId: remembered ?? '', stateDir };
  await checkEncryption(about, chosen.allowPlaintext === true, hasKeys);
}

/** Whether the store holds keys of this server; null where only the state knows. */
async function hasKeysOf(
  store: Store,
  state: State | null,
  remembered: string | null,
  signal: AbortSignal,
): Promise<boolean | null> {
  if (state === null) return false;
  if (store.capabilities.putOnly) return remembered === null ? false : null;
  return holdsKeys(store, state.server.uuid, signal);
}
