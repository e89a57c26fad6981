/**
 * Finds the one snapshot that somebody names among those a store lists.
 *
 * Reads as few manifests as the names allow. With `trust` a revision that is not trusted hides none below it.
 */

import type { KeyedProvider } from '../encryption/keyed-provider.ts';
import { HoldfastError } from '../errors.ts';
import { quoted } from '../printable.ts';
import {
  type AnySnapshot,
  isUnusable,
  type ListedSnapshot,
  opened,
  readSoundSnapshot,
  type Snapshot,
  snapshotName,
  utcOf,
} from './catalog.ts';
import { aheadOf, newestCandidates, newestOf } from './newest-snapshot.ts';
import { distrustOf, type Trust } from './trust.ts';

export interface Finding {
  /** Whose word counts: a revision that is not trusted is passed over where one below it is. */
  readonly trust?: Trust | undefined;
  /** Sites by owner, as far as they are known: a locked snapshot has no other. */
  readonly names?: ReadonlyMap<string, string>;
  /** By which `latest` tells what is dated ahead; left out: nothing is. */
  readonly nowMs?: number | undefined;
}

/**
 * The newest of one owner's snapshots, partial ones included; null where there are none.
 *
 * @throws OBJECT_DAMAGED, OBJECT_MISSING, FORMAT_UNSUPPORTED one that may be the newest cannot be read
 */
async function readNewest(
  provider: KeyedProvider,
  listed: readonly ListedSnapshot[],
  signal: AbortSignal,
  { trust, nowMs = Number.POSITIVE_INFINITY }: Finding,
): Promise<AnySnapshot | null> {
  const candidates = newestCandidates(listed, nowMs);
  const read = await Promise.all(candidates.map((one) => readSoundSnapshot(provider, one, signal, trust)));
  const newest = newestOf(read, nowMs);
  return newest === null ? null : { ...newest, ahead: aheadOf(newest, read, nowMs) };
}

const fullName = /^(.+)-(\d{8}T\d{6}Z)-([0-9a-f]{12})$/;

/** As `findAnySnapshot`, opened. @throws IDENTITY_MISSING, IDENTITY_WRONG nothing opens it */
export async function findSnapshot(
  provider: KeyedProvider,
  candidates: readonly ListedSnapshot[],
  wanted: string,
  signal: AbortSignal,
): Promise<Snapshot> {
  return opened(provider, await findAnySnapshot(provider, candidates, wanted, signal), signal);
}

/**
 * The one snapshot that `wanted` names: its id, a unique beginning of it, its twelve hex digits, or
 * `latest` (partial ones included), which needs a list of one owner.
 *
 * @throws SNAPSHOT_NOT_FOUND none or several fit
 */
export async function findAnySnapshot(
  provider: KeyedProvider,
  candidates: readonly ListedSnapshot[],
  wanted: string,
  signal: AbortSignal,
  finding: Finding = {},
): Promise<AnySnapshot> {
  const { trust, names = new Map() } = finding;
  if (wanted === 'latest') {
    const latest = await readNewest(provider, candidates, signal, finding);
    if (latest === null)
      throw notFound('there is no snapshot of this account', 'Run `holdfast backup` first.');
    return latest;
  }
  const full = fullName.exec(wanted);
  const id = full?.[3] ?? (/^[0-9a-f]{12}$/.test(wanted) ? wanted : null);
  const begun = id === null ? await byBeginning({ provider, signal, names }, candidates, wanted) : null;
  const fitting =
    begun !== null
      ? begun.found
      : candidates.filter((one) => one.id === id && (full === null || full[2] === utcOf(one.key)));
  const listed =
    id === null || fitting.length < 2 ? fitting : await soundOf(provider, fitting, signal, trust);
  if (listed.length > 1) {
    throw notFound(
      `${quoted(wanted)} fits ${listed.length} snapshots`,
      'Give more of the id; `holdfast snapshots` shows them.',
    );
  }
  const only = listed[0];
  if (only === undefined) {
    // No name of a snapshot has a slash: a path was given where the snapshot is named.
    const hint = wanted.includes('/')
      ? 'Name the snapshot, or latest with --account A, before the path.'
      : 'Run `holdfast snapshots` to see them.';
    if (begun !== null && begun.nameless > 0) {
      throw notFound(
        `no snapshot whose name can be read begins with ${quoted(wanted)}; ${begun.nameless} are locked`,
        'Give --identity FILE, or name one as `holdfast snapshots` shows it, to its last digit.',
      );
    }
    throw notFound(`there is no snapshot ${quoted(wanted)}`, hint);
  }
  const snapshot = await readSoundSnapshot(provider, only, signal, trust);
  // The site of a locked one is not known, so its instant must do.
  const named = [snapshot.name, nameWithoutKeys(snapshot, only)];
  const fits = snapshot.body === null ? full?.[2] === utcOf(only.key) : named.includes(wanted);
  if (full !== null && !fits) {
    throw notFound(`there is no snapshot ${quoted(wanted)}; ${id} is ${snapshot.name}`, 'Name that one.');
  }
  return snapshot;
}

/** As it is shown where nobody has its keys, with the UUID for the site. */
const nameWithoutKeys = ({ header }: Pick<AnySnapshot, 'header'>, listed: ListedSnapshot): string =>
  snapshotName(header.owner, listed);

/** Those that can be read and are trusted, where there are any: others may have been named after them. */
async function soundOf(
  provider: KeyedProvider,
  listed: readonly ListedSnapshot[],
  signal: AbortSignal,
  trust?: Trust,
): Promise<readonly ListedSnapshot[]> {
  const judged = listed.map(async (one) => {
    try {
      const snapshot = await readSoundSnapshot(provider, one, signal, trust);
      return trust === undefined || distrustOf(snapshot, trust) === null ? [one] : [];
    } catch (error) {
      if (!isUnusable(error)) throw error;
      return [];
    }
  });
  const sound = (await Promise.all(judged)).flat();
  return sound.length === 0 ? listed : sound;
}

/** The site stands only inside manifests, so each candidate is read. `nameless`: locked, and of nobody who is known. */
async function byBeginning(
  {
    provider,
    signal,
    names,
  }: {
    readonly provider: KeyedProvider;
    readonly signal: AbortSignal;
    readonly names: ReadonlyMap<string, string>;
  },
  candidates: readonly ListedSnapshot[],
  wanted: string,
): Promise<{ readonly found: ListedSnapshot[]; readonly nameless: number }> {
  const found: ListedSnapshot[] = [];
  let nameless = 0;
  for (const listed of candidates) {
    const { body, header, name } = await readSoundSnapshot(provider, listed, signal);
    const site = body === null ? names.get(header.owner) : undefined;
    if (body === null && site === undefined) nameless += 1;
    const shown = site === undefined ? name : snapshotName(site, listed);
    const all = [name, shown, nameWithoutKeys({ header }, listed)];
    if (all.some((one) => one.startsWith(wanted))) found.push(listed);
    if (found.length > 20) break;
  }
  return { found, nameless };
}

function notFound(message: string, hint: string): HoldfastError {
  return new HoldfastError('SNAPSHOT_NOT_FOUND', message, { hint });
}
