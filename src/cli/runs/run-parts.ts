/** What a backup run is asked for, and what it reads and writes: opened together, and closed however it ends. */

import { HoldfastError } from '../../core/errors.ts';
import type { DatabaseEngine, Panel, RequestedLevel } from '../../core/index.ts';
import { quoted } from '../../core/printable.ts';
import type { CliContext } from '../command.ts';
import { chooseAddin, type Loaded } from '../configuration.ts';
import { type OpenedStore, openEngines, openPanel, openStore } from '../opened.ts';

export interface RunOptions {
  readonly addin?: string;
  readonly account?: readonly string[];
  readonly level: RequestedLevel;
  readonly checksum?: true;
  readonly allowPlaintext?: true;
  readonly dryRun?: true;
  readonly selected?: true;
  readonly scheduled?: true;
  readonly until?: number;
}

/** Of `until`. @throws USAGE */
export function instantGiven(text: string): number {
  const ms = Date.parse(text);
  if (Number.isSafeInteger(ms)) return ms;
  throw new HoldfastError('USAGE', `${quoted(text)} is no instant`, {
    hint: 'Write it as 2026-01-31T06:00:00Z.',
  });
}

export interface RunAsked {
  readonly loaded: Loaded;
  readonly chosen: RunOptions;
}

export interface StoreOpening {
  readonly opening: Promise<OpenedStore>;
  /** For who is done with the store before all is done. May be called again. */
  closeStore(): Promise<void>;
}

export interface RunParts extends RunAsked, StoreOpening {
  readonly panel: Panel;
  readonly panelRef: OpenedStore['storeRef'];
  readonly engines: readonly DatabaseEngine[];
}

/** Has the store opened while `use` goes on, which awaits it, and closes it, however `use` ends. */
export async function withStore(
  world: CliContext['world'],
  { loaded, chosen }: RunAsked,
  use: (store: StoreOpening) => Promise<number>,
): Promise<number> {
  const opening = openStore(loaded, chooseAddin(loaded.configuration, chosen.addin), world);
  opening.catch(() => {});
  let closed: Promise<void> | null = null;
  const closeStore = (): Promise<void> => {
    closed ??= opening.then(
      ({ store }) => store.close(),
      () => {},
    );
    return closed;
  };
  try {
    return await use({ opening, closeStore });
  } finally {
    await closeStore();
  }
}

/** Opens what else a backup needs, and closes it, however `use` ends. */
export async function withOpened(
  world: CliContext['world'],
  asked: RunAsked & StoreOpening,
  use: (parts: RunParts) => Promise<number>,
): Promise<number> {
  let engines: readonly DatabaseEngine[] = [];
  try {
    const { panel, panelRef } = await openPanel(asked.loaded, world);
    engines = await openEngines(asked.loaded.configuration, world);
    return await use({ ...asked, panel, panelRef, engines });
  } finally {
    await Promise.all(engines.map((engine) => engine.close()));
  }
}
