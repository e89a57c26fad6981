/** How errors call a store that is not the one this server wrote to before, and what they advise. */

import { storeFileKey } from '../archive/keys.ts';
import { HoldfastError } from '../errors.ts';
import type { StoreFile } from './store-file.ts';

/** What errors call a store. */
export interface StoreWords {
  /** With the place and the configuration, e.g. `the store /srv/backup of nightly`. Looks at what lies there now. */
  readonly where?: (() => string) | undefined;
  readonly isCopy?: boolean;
  /** Names of its copies, in which a configuration goes on whose store is gone. */
  readonly copies?: readonly string[] | undefined;
}

/** The store has an id, and not the one that this server remembers. */
export function anotherStore(found: StoreFile, remembered: string, words: StoreWords): HoldfastError {
  const message = `${wordsFor(words)} has the id ${found.store}, this server wrote to ${remembered} before`;
  if (found.origins?.includes(remembered) === true) {
    return new HoldfastError('STORE_FOREIGN', `${message}, of which this is a copy`, {
      hint: 'Correct the store in the addin configuration; where the main store is gone, run holdfast store init --accept-copy --apply to go on in the copy.',
    });
  }
  // That one names what it was copied from, and cannot be asked here: it may be this very store.
  const wayBack =
    words.isCopy === true
      ? ''
      : `; where this is the main store from before a copy was accepted, ${wayBackTo}`;
  return new HoldfastError('STORE_FOREIGN', message, {
    hint: `Correct the store in the addin configuration${wayBack}; ${wayOn(words)}`,
  });
}

/** What to do with a main store that comes back after its copy was accepted. */
export const wayBackTo =
  'name it in "copies" of the one that was accepted, as docs/recovery.md says ("The main store comes back")';

/** This server has written there, and there is no `holdfast.json`. */
export function lostStore(remembered: string, words: StoreWords): HoldfastError {
  const message = `${wordsFor(words)} has lost its ${storeFileKey}; this server wrote to ${remembered} before`;
  return new HoldfastError('STORE_FOREIGN', message, { hint: afterLoss(words) });
}

/** What to do where a store has no `holdfast.json`. */
export function afterLoss(words: Omit<StoreWords, 'where'>): string {
  const repair = `holdfast repair${words.isCopy === true ? ' --copy NAME' : ''} --apply`;
  return `Check that the right directory or bucket is mounted; where only that file is lost, run ${repair}; ${wayOn(words)}`;
}

export const wordsFor = ({ where }: StoreWords): string => where?.() ?? 'the store';

/** What to do where the store is gone for good. */
export function wayOn({ isCopy = false, copies = [] }: Omit<StoreWords, 'where'>): string {
  if (copies.length === 0) return `give the ${isCopy ? 'copy' : 'configuration'} a new name to begin anew.`;
  const copy = copies.map((name) => `--copy ${name}`).join(' or ');
  return `where it is gone, restore with ${copy}, and go on in a copy by holdfast store init --accept-copy, as docs/recovery.md says ("The main store is gone").`;
}
