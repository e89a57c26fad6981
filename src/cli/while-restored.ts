/** Keeps prune on this machine away from snapshots for as long as a restore or an import reads them. */

import type { AnySnapshot } from '../core/jobs/catalog.ts';
import { markRestored } from '../core/state/restores.ts';
import type { CliContext } from './command.ts';
import type { StoreSession } from './store-session.ts';

/** A state that cannot be written stops no restore: it is told. Without a state nothing prunes here. */
export async function whileRestored<T>(
  { world, output }: Pick<CliContext, 'world' | 'output'>,
  { loaded, state }: Pick<StoreSession, 'loaded' | 'state'>,
  snapshots: readonly Pick<AnySnapshot, 'header'>[],
  work: () => Promise<T>,
): Promise<T> {
  if (state === null) return work();
  const { stateDir } = loaded.configuration;
  const marked = snapshots.map(({ header }) => {
    const { id, server, owner, objects, references } = header;
    const places = [...objects, ...references].map(({ key }) => key.split('/', 3).slice(1).join('/'));
    return { id, server, owner, places: [...new Set(places)] };
  });
  const end = await markRestored(stateDir, world.newObjectId().slice(0, 12), marked).catch(
    ({ code }: NodeJS.ErrnoException) => {
      output.note(`warning: the state could not be written (${code}): a prune may take the snapshot away`);
    },
  );
  try {
    return await work();
  } finally {
    await end?.();
  }
}
