/**
 * Which snapshots hold the last good capture of a component. Pure.
 *
 * Of a component that the newest good snapshot, or a newer one, still lists it stays in any case. Whoever can
 * create databases and drop them decides how many components there ever were, though: of those that are gone only
 * the newest snapshots stay, older ones are left to the rules. A locked snapshot that is complete counts as having
 * every component, so that nothing older stays for what nobody can see in it.
 */

import type { RetainedSnapshot } from './types.ts';

/**
 * So many snapshots stay because they hold what is gone. Years of ordinary use need fewer: a database that
 * is dropped, a tree that is no longer configured. Whatever goes between two snapshots takes one place, so to push a
 * last good one out takes as many backups, each with something new that goes again.
 */
export const lastGoodsOfGone = 20;

export interface LastGood<S> {
  /** Why each stays, for people. The newest good one may be among them. */
  readonly kept: ReadonlyMap<S, string>;
  /** Why those that hold it of what went longer ago do not. */
  readonly left: ReadonlyMap<S, string>;
}

export function lastGoodOf<S extends RetainedSnapshot>(newestFirst: readonly S[]): LastGood<S> {
  const good = newestFirst.findIndex(({ state }) => state === 'complete');
  const present = new Set(
    newestFirst.slice(0, good + 1).flatMap(({ components }) => components?.map(({ name }) => name) ?? []),
  );
  const found = new Set<string>();
  const kept = new Map<S, string>();
  const left = new Map<S, string>();
  let places = lastGoodsOfGone;
  for (const snapshot of newestFirst) {
    const { components, state } = snapshot;
    if (components === null) {
      if (state !== 'complete') continue;
      kept.set(snapshot, 'locked, so what it has the last good of is not known');
      break;
    }
    const held = components.filter(({ name, complete }) => complete && !found.has(name));
    if (held.length === 0) continue;
    for (const { name } of held) found.add(name);
    const what = `the last good of ${listed(held.map(({ name }) => name))}`;
    if (held.some(({ name }) => present.has(name)) || places-- > 0) kept.set(snapshot, what);
    else left.set(snapshot, `${what}, but ${lastGoodsOfGone} newer snapshots hold what went later`);
  }
  return { kept, left };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
