/** What commands that read a store share: configuration, store, state and the way to snapshots. */

import type { AddinConfiguration } from '../core/config/load-configuration.ts';
import { type KeyedProvider, withKeys } from '../core/encryption/keyed-provider.ts';
import { openTrust, type Trust } from '../core/jobs/trust.ts';
import { ownerNames } from '../core/state/database-owners.ts';
import type { State } from '../core/state/state.ts';
import type { CliContext } from './command.ts';
import { chooseAddin, chooseCopy, type Loaded, loadConfigured } from './configuration.ts';
import { type KeyOptions, readKeyOptions } from './key-input.ts';
import { type OpenedStore, openPanel, openStateIfAny, openStore } from './opened.ts';
import type { Search } from './search.ts';
import { requireUuid } from './server-option.ts';
import { checkPresence, type Presence } from './store-presence.ts';

export interface StoreSession {
  readonly loaded: Loaded;
  readonly addin: AddinConfiguration;
  readonly opened: OpenedStore;
  readonly state: State | null;
  readonly search: Search;
  /** Whose signatures count here. */
  readonly trust: Trust;
}

export interface StoreChoice extends KeyOptions {
  /** Of `loadReadable`, for what only reads; left out: the configuration must be without a fault. */
  readonly loaded?: Loaded;
  readonly addin?: unknown;
  readonly copy?: unknown;
  /** UUID of the server whose snapshots are looked up; left out: this one's, else everybody's. */
  readonly ofServer?: string | undefined;
  /** What must be there; snapshots, where nothing is said. */
  readonly needs?: Presence;
  /** The work looks at the panel in any case: that begins while the store starts. */
  readonly readsPanel?: boolean;
}

/** Looked up when first asked for: thousands of sites take their time, and few commands ask. */
function siteNames(state: State | null): Pick<KeyedProvider, 'siteOf'> {
  if (state === null) return {};
  let names: ReadonlyMap<string, string> | null = null;
  return {
    siteOf(owner) {
      names ??= ownerNames(state);
      return names.get(owner);
    },
  };
}

/** What `--copy <name>` does, for the help of every command that reads a store. */
export const copyHelp = 'read from this copy of the addin configuration, not from its main store';

/**
 * Opens the store of the chosen addin configuration, or the chosen copy, for reading, and closes it after
 * `work`. Of a copy nothing but the copy is opened: the main store may be gone.
 *
 * @throws STORE_FOREIGN nothing is there, or another store
 */
export async function withStore<T>(
  context: CliContext,
  { addin: addinName, copy, needs = 'readable', readsPanel = false, ofServer, ...choice }: StoreChoice,
  work: (session: StoreSession) => Promise<T>,
): Promise<T> {
  const { configDir, world, signal, output } = context;
  const server = ofServer === undefined ? {} : { server: requireUuid(ofServer) };
  const { loaded = await loadConfigured(configDir), ...keyOptions } = choice;
  const chosen = chooseAddin(loaded.configuration, addinName as string | undefined);
  const addin = copy === undefined ? chosen : chooseCopy(loaded.configuration, chosen, copy as string);
  const identities = await readKeyOptions(context, keyOptions);
  // A store may have to start a process first.
  const opening = openStore(loaded, addin, world, identities);
  opening.catch(() => {});
  const readPanel = async () => (await openPanel(loaded, world)).panel.accounts({ signal, brief: true });
  const early = readsPanel ? readPanel() : null;
  early?.catch(() => {});
  try {
    const state = await openStateIfAny(loaded.configuration, world);
    const { stateDir, trustedSigners } = loaded.configuration;
    const trust = await openTrust(stateDir, trustedSigners);
    const { provider: nameless, ...rest } = await opening;
    const { store } = rest;
    const provider = withKeys(nameless, { ...nameless, ...siteNames(state) });
    const remembered = state?.storeId(addin.name) ?? null;
    await checkPresence({ store, addin, remembered, needs, signal, note: (text) => output.note(text) });
    return await work({
      loaded,
      addin,
      opened: { ...rest, provider },
      state,
      trust,
      search: {
        ...{ store, provider, trust, state, ...server, signal, nowMs: world.now() },
        panelAccounts: () => early ?? readPanel(),
        note: (text) => output.note(text),
      },
    });
  } finally {
    await (await opening.catch(() => null))?.store.close();
  }
}
