/** What commands that read a store share: configuration, store, state and the way to snapshots. */

import type { AddinConfiguration } from '../core/config/load-configuration.ts';
import type { State } from '../core/state/state.ts';
import type { CliContext } from './command.ts';
import { chooseAddin, type Loaded, loadConfigured } from './configuration.ts';
import type { Search } from './find-snapshot.ts';
import { type OpenedStore, openPanel, openStateIfAny, openStore } from './opened.ts';

export interface StoreSession {
  readonly loaded: Loaded;
  readonly addin: AddinConfiguration;
  readonly opened: OpenedStore;
  readonly state: State | null;
  readonly search: Search;
}

/** Opens the store of the chosen addin configuration for reading, and closes it after `work`. */
export async function withStore<T>(
  { configDir, world, signal }: CliContext,
  addinName: unknown,
  work: (session: StoreSession) => Promise<T>,
): Promise<T> {
  const loaded = await loadConfigured(configDir);
  const addin = chooseAddin(loaded.configuration, addinName as string | undefined);
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
