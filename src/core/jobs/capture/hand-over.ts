/**
 * Gives parts of a tree to a worker that has nothing to do.
 *
 * What two workers do of one account has a price: two segments, and the parent's index read twice. So of what the
 * parent has, only large directories are given away.
 */

import { directoryType, plainName } from '../../filesystem/directory.ts';
import type { EntryLog, TreeContext } from './entry-log.ts';
import type { Level } from './levels.ts';
import { listAfterAll } from './recorded-names.ts';

/** Gives the last waiting directory of the highest level, which is likely to be large, to another worker. */
export function handOver(stack: readonly Level[], context: TreeContext, log: EntryLog): void {
  const isWorth = (level: Level, name: string): boolean =>
    level.isNew || context.isLarge(log.fullPath(level.prefix + plainName(name)));
  for (const level of stack) {
    const isKnown = level.names === null;
    if (isKnown && context.isLarge(log.fullPath(level.prefix.slice(0, -1)))) listAfterAll(level, context);
  }
  const waiting = waitingDirectory(stack, isWorth);
  if (waiting === null) return;
  const { level, name } = waiting;
  if (!context.claimHandOver()) {
    level.searched++;
    return;
  }
  level.given.add(name);
  context.handOver(level.prefix + plainName(name));
}

/** Nobody has begun it, or been given it. What is not worth it is never asked about again. */
function waitingDirectory(
  stack: readonly Level[],
  isWorth: (level: Level, name: string) => boolean,
): { readonly level: Level; readonly name: string } | null {
  for (const level of stack) {
    while (level.searched > level.next) {
      const name = level.names![--level.searched]!;
      if (name.endsWith(`\0${directoryType}`) && isWorth(level, name)) return { level, name };
    }
  }
  return null;
}
