/**
 * How two snapshots differ: trees by their indexes, databases by the hashes of their exports.
 *
 * Reads no data objects. Memory is bounded: differences are held back to find renames among them, and where
 * there are too many of them, renames are given up and the rest streams.
 */

import { type Entry, typeOf } from '../../archive/entry.ts';
import type { Snapshot } from '../catalog.ts';
import { openIndex } from '../index-reader.ts';
import { Contents, changedAspects, sameContent } from './compare-entries.ts';
import { databaseDifferences } from './databases.ts';
import { merge, type Pair, sameLinks } from './merge.ts';
import { type Candidate, candidate, findRenames } from './renames.ts';
import { isLinked, Separated } from './separated.ts';
import type { Difference, DiffOutcome, DiffRequest } from './types.ts';

const heldBackByDefault = 50_000;

/** Either a finished difference, or one side of what may be a rename. */
type Pending = Difference | { readonly change: 'added' | 'removed'; readonly candidate: Candidate };

/**
 * Yields differences in path order, those of databases last, and returns what can be said of all.
 *
 * @throws OBJECT_DAMAGED, OBJECT_MISSING, FORMAT_UNSUPPORTED an index cannot be read
 */
export async function* diff(request: DiffRequest): AsyncGenerator<Difference, DiffOutcome> {
  const { before, after, heldBack = heldBackByDefault } = request;
  const counts = { added: 0, removed: 0, changed: 0, renamed: 0 };
  const counted = (difference: Difference): Difference => {
    counts[difference.change] += 1;
    return difference;
  };
  let renamesGivenUp = false;
  let held: Pending[] = [];
  for await (const pending of treeDifferences(request)) {
    if (!renamesGivenUp && held.length >= heldBack) {
      renamesGivenUp = true;
      for (const one of held) yield counted(finished(one));
      held = [];
    }
    if (renamesGivenUp) yield counted(finished(pending));
    else held.push(pending);
  }
  for (const one of withRenames(held)) yield counted(one);
  for (const one of databaseDifferences(before.body.components, after.body.components)) yield counted(one);
  return { counts, renamesGivenUp, failed: [...failedIn(before), ...failedIn(after)] };
}

async function* treeDifferences({ provider, before, after, signal }: DiffRequest): AsyncGenerator<Pending> {
  const [left, right] = await Promise.all([
    openIndex(provider, before, signal),
    openIndex(provider, after, signal),
  ]);
  const contents = { before: new Contents(left), after: new Contents(right) };
  const linksAreSame = sameLinks(left, right);
  const separated = new Separated(left, right);
  const unknown = { before: failedTrees(before), after: failedTrees(after) };
  for await (const pair of merge(left, right)) {
    signal.throwIfAborted();
    // What a tree that failed lacks may well have been there.
    if (pair.before === null && unknown.before.has(treeOf(pair.after!))) continue;
    if (pair.after === null && unknown.after.has(treeOf(pair.before!))) continue;
    const pending = await differenceOf(pair, contents, { linksAreSame, separated });
    if (pending !== null) yield pending;
  }
}

async function differenceOf(
  { before: a, after: b }: Pair,
  contents: { readonly before: Contents; readonly after: Contents },
  { linksAreSame, separated }: { readonly linksAreSame: boolean; readonly separated: Separated },
): Promise<Pending | null> {
  if (a === null || b === null) {
    const [entry, change] = a === null ? [b!, 'added' as const] : [a, 'removed' as const];
    const content = await (a === null ? contents.after : contents.before).of(entry);
    return { change, candidate: candidate(entry, content) };
  }
  const sameRecord = linksAreSame && isLinked(a) && isLinked(b) && a.inode === b.inode;
  const [was, is] = sameRecord ? [null, null] : [await contents.before.of(a), await contents.after.of(b)];
  const aspects = changedAspects(a, b, sameRecord || sameContent(was, is));
  if (separated.has(a, b)) aspects.push('links');
  if (aspects.length === 0) return null;
  const [sizeBefore, sizeAfter] = sameRecord
    ? Array<number>(2).fill((await contents.after.of(b))?.size ?? 0)
    : [was?.size ?? 0, is?.size ?? 0];
  return {
    change: 'changed',
    path: b.path,
    from: null,
    type: typeOf(b),
    aspects,
    sizeBefore: sizeBefore!,
    sizeAfter: sizeAfter!,
  };
}

function* withRenames(held: readonly Pending[]): Generator<Difference> {
  const candidates = (change: 'added' | 'removed'): Candidate[] =>
    held.flatMap((one) => ('candidate' in one && one.change === change ? [one.candidate] : []));
  const renames = findRenames(candidates('removed'), candidates('added'));
  const gone = new Set(renames.values());
  for (const one of held) {
    if (!('candidate' in one)) yield one;
    else if (one.change === 'removed') {
      if (!gone.has(one.candidate)) yield finished(one);
    } else {
      const was = renames.get(one.candidate);
      yield was === undefined ? finished(one) : renamed(was, one.candidate);
    }
  }
}

function finished(pending: Pending): Difference {
  if (!('candidate' in pending)) return pending;
  const { entry, content } = pending.candidate;
  const { change } = pending;
  const size = content?.size ?? 0;
  const sizes =
    change === 'added' ? { sizeBefore: null, sizeAfter: size } : { sizeBefore: size, sizeAfter: null };
  return {
    change,
    path: entry.path,
    from: null,
    type: typeOf(entry),
    aspects: [],
    ...sizes,
  };
}

function renamed(was: Candidate, is: Candidate): Difference {
  return {
    change: 'renamed',
    path: is.entry.path,
    from: was.entry.path,
    type: typeOf(is.entry),
    aspects: changedAspects(was.entry, is.entry, true),
    sizeBefore: was.content?.size ?? 0,
    sizeAfter: is.content?.size ?? 0,
  };
}

const failedTrees = ({ body }: Snapshot): ReadonlySet<string> =>
  new Set(
    body.components.flatMap(({ type, state, name }) => (type === 'tree' && state === 'failed' ? [name] : [])),
  );

const treeOf = ({ path }: Entry): string => path.toString('latin1').split('/', 1)[0]!;

function failedIn({ name, body }: Snapshot): DiffOutcome['failed'] {
  return body.components
    .filter(({ state }) => state === 'failed')
    .map((component) => ({ component: `${component.type} ${component.name}`, snapshot: name }));
}
