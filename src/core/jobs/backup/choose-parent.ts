/**
 * Finds the snapshot that a new one refers to among those the plan allows, and makes it ready.
 *
 * A parent that is damaged, gone or not trusted never stops a backup: everything is then stored anew, with a
 * warning. What others wrote must not pass into a snapshot that this server signs.
 */

import type { Tree } from '../../contracts/panel.ts';
import type { Level, Plan } from '../../contracts/provider.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import type { OpenAddin } from '../addin.ts';
import { type ListedSnapshot, opened, readSoundSnapshot, type Snapshot } from '../catalog.ts';
import { Erasures } from '../erasures.ts';
import { checkObjects } from '../parents/check-objects.ts';
import type { ParentCache } from '../parents/parent-cache.ts';
import { requireTrusted, type Trust } from '../trust.ts';
import type { OwnHistory } from './history.ts';
import type { AccountKeys } from './owner-epoch.ts';
import { openParent, type ParentSnapshot } from './parent-snapshot.ts';
import type { WarningList } from './warnings.ts';

export interface ParentChoice {
  readonly addin: OpenAddin;
  readonly plan: Plan;
  readonly reading: Promise<OwnHistory>;
  readonly trees: readonly Tree[];
  readonly stateDir: string;
  readonly trust: Trust;
  readonly cache: ParentCache;
  /** Null where the new snapshot is plain. It refers to none of the other kind. */
  readonly keys: AccountKeys | null;
  /** Reads every file again. */
  readonly checksum: boolean;
  readonly warnings: WarningList;
  readonly signal: AbortSignal;
}

/** With the level that comes of it. */
export type ChosenParent = ParentSnapshot & { readonly level: Level };

/** Null where everything is to be stored anew. */
export async function chooseParent(choice: ParentChoice): Promise<ChosenParent | null> {
  const { plan, addin, cache, stateDir, signal, warnings } = choice;
  if (plan.level === 'full') return null;
  const { items, nextSequence } = await choice.reading;
  // Of a store that cannot be read only the newest snapshot is sure to have all its objects still.
  const newest = addin.store.capabilities.putOnly ? items.at(-1) : undefined;
  const level = newest === undefined || newest.id === plan.parents[0] ? plan.level : 'incremental';
  let why: string;
  try {
    const snapshot = await bestOf(choice, items, newest === undefined ? plan.parents : [newest.id]);
    const unfit = unfitKeys(snapshot, choice.keys);
    if (unfit !== null) why = unfit;
    else if (snapshot.header.addin.id === addin.id) {
      const rereadEvery = choice.checksum ? 1 : (plan.rereadEvery ?? 30);
      if (newest === undefined) await checkObjects(addin.store, snapshot, signal);
      const provider = cache.over(addin);
      const { contentKeys } = cache;
      const options = { provider, stateDir, contentKeys, rereadEvery, turn: nextSequence, signal };
      return { ...(await openParent(snapshot, options)), level };
    } else why = 'another addin configuration made it';
  } catch (error) {
    if (!isHoldfastError(error) || !/^(OBJECT_|FORMAT_|IDENTITY_|SNAPSHOT_UNTRUSTED)/.test(error.code))
      throw error;
    why = error.message;
  }
  why = (await erasureOf(choice, items)) ?? why;
  const message = `cannot refer to snapshot ${plan.parents[0]}, so this one is a full: ${why}`;
  warnings.add({ code: 'no-usable-parent', component: 'account', message });
  return null;
}

/** That it was erased, which locks it like a lost identity does; null where it was not, or nobody can tell. */
async function erasureOf(
  { plan, addin, trust, signal }: ParentChoice,
  items: readonly ListedSnapshot[],
): Promise<string | null> {
  const listed = items.find(({ id }) => id === plan.parents[0]);
  if (listed === undefined || addin.store.capabilities.putOnly) return null;
  try {
    const { header } = await readSoundSnapshot(addin.provider, listed, signal, trust);
    const erasure = await new Erasures({ ...addin, trust, signal }).of(header);
    return erasure === null ? null : `the account was erased at ${printable(erasure.at)}`;
  } catch (error) {
    signal.throwIfAborted();
    if (!isHoldfastError(error)) throw error;
    return null;
  }
}

/** Why a snapshot cannot be referred to as far as keys go; null where it can. */
function unfitKeys({ header }: Snapshot, keys: AccountKeys | null): string | null {
  const { encryption, objects, references } = header;
  if (keys === null) return encryption === undefined ? null : 'it is encrypted';
  if (encryption === undefined) return 'it is not encrypted';
  const { openable } = keys;
  if (openable === null) return null;
  const { epoch: own, pair } = encryption;
  const needed = [...objects, ...references].map(({ epoch }) => epoch ?? 0);
  const gone = openable.some((one) => one.epoch === own && one.pair === pair)
    ? needed.find((epoch) => !openable.some((one) => one.epoch === epoch))
    : own;
  return gone === undefined ? null : `the key of epoch ${gone} is no longer in the store`;
}

/** The nearest that has all the account's trees whole; where none has, the nearest. */
async function bestOf(
  choice: ParentChoice,
  history: readonly ListedSnapshot[],
  parents: readonly string[],
): Promise<Snapshot> {
  const { trees, trust, warnings } = choice;
  let nearest: Snapshot | null = null;
  for (const id of parents) {
    const listed = history.find((one) => one.id === id);
    if (listed === undefined) throw gone(id);
    const snapshot = await readParent(choice, listed);
    requireTrusted(snapshot, trust);
    for (const { message } of snapshot.passedOver ?? [])
      warnings.add({ code: 'revision-passed-over', component: 'account', message });
    nearest ??= snapshot;
    const whole = snapshot.body.components.filter(
      ({ type, state }) => type === 'tree' && state === 'complete',
    );
    if (trees.every(({ name }) => whole.some((one) => one.name === name))) return snapshot;
  }
  if (nearest === null) throw new TypeError('a plan without parents is that of a full');
  return nearest;
}

/**
 * Its highest revision that is whole and trusted. What an earlier one names is there as long as it is there itself;
 * a later one lies elsewhere, so that the cache has to know the very same.
 */
async function readParent(
  { addin, cache, trust, signal }: ParentChoice,
  listed: ListedSnapshot,
): Promise<Snapshot> {
  const cached = cache.find(listed.id);
  if (cached?.key === listed.key) return cached;
  const sound = await readSoundSnapshot(addin.provider, listed, signal, trust);
  const { passedOver } = sound;
  if (cached?.key !== sound.key) return opened(addin.provider, sound, signal);
  return passedOver === undefined ? cached : { ...cached, passedOver };
}

function gone(id: string): HoldfastError {
  return new HoldfastError(
    'OBJECT_MISSING',
    `snapshot ${id}, which is referred to, is no longer in the store`,
    {
      hint: 'Run the backup again; it refers to another snapshot or becomes a full.',
    },
  );
}
