/** What commands that read a store share: configuration, store, state and the way to snapshots. */

import type { AddinConfiguration } from '../core/config/load-configuration.ts';
import type { State } from '../core/state/state.ts';
import type { CliContext } from './command.ts';
import { chooseAddin, chooseCopy, type Loaded, loadConfigured } from './configuration.ts';
import type { Search } from './find-snapshot.ts';
import { type OpenedStore, openPanel, openStateIfAny, openStore } from './opened.ts';

export interface StoreSession {
  readonly loaded: Loaded;
  readonly addin: AddinConfiguration;
  readonly opened: OpenedStore;
  readonly state: State | null;
  readonly search: Search;
}

/** What `--copy <name>` does, for the help of every command that reads a store. */
export const copyHelp = 'read from this copy of the addin configuration, not from its main store';

/**
 * Opens the store of the chosen addin configuration, or the chosen copy, for reading, and closes it after
 * `work`. Of a copy nothing but the copy is opened: the main store may be gone.
 */
export async function withStore<T>(
  { configDir, world, signal }: CliContext,
  { addin: addinName, copy }: { readonly addin?: unknown; readonly copy?: unknown },
  work: (session: StoreSession) => Promise<T>,
): Promise<T> {
  const loaded = await loadConfigured(configDir);
  const chosen = chooseAddin(loaded.configuration, addinName as string | undefined);
  const addin = copy === undefined ? chosen : chooseCopy(chosen, copy as string);
  const opened = await openStore(loaded, addin, world);
  try {
    const state = await openStateIfAny(loaded.configuration, world);
    const panelAccounts = async () => (await openPanel(loaded, world)).panel.accounts({ signal });
    const { store, provider } = opened;
    return await work({
      loaded,
      addin,
      opened,
      state,
      search: { store, provider, state, panelAccounts, signal },
    });
  } finally {
    await opened.store.close();
  }
}
