/**
 * Gives parts of a tree to a worker that has nothing to do.
 *
 * What two workers do of one account has a price: two segments, and the parent's index read twice. So of what the
 * parent has, only large directories are given away. Whoever gives away the only thing it has left is the next with
 * nothing to do: a directory goes only while something else waits, and from the upper levels only. Else a chain of
 * directories would go to and fro at each level, with a path to open and an index page each time.
 */

import { directoryType, plainName } from '../../filesystem/directory.ts';
import type { EntryLog, TreeContext } from './entry-log.ts';
import type { Level } from './levels.ts';
import { listAfterAll } from './recorded-names.ts';

/** Directories in deeper ones stay with their worker, however many files lie beside them. */
const lowestDepth = 64;

/** Gives the last waiting directory of the highest level, which is likely to be large, to another worker. */
export function handOver(stack: readonly Level[], context: TreeContext, log: EntryLog): void {
  const isWorth = (level: Level, name: string): boolean =>
    level.isNew || context.isLarge(log.fullPath(level.prefix + plainName(name)));
  const upper = stack.slice(0, Math.max(0, lowestDepth - stack[0]!.depth));
  for (const level of upper) {
    if (level.names !== null || level.judged) continue;
    level.judged = true;
    if (context.isLarge(log.fullPath(level.prefix.slice(0, -1)))) listAfterAll(level, context);
  }
  const waiting = waitingDirectory(upper, isWorth);
  if (waiting === null) return;
  const { level, name } = waiting;
  level.given.add(name);
  if (stack.findLast(hasNames) === undefined || !context.claimHandOver()) {
    level.given.delete(name);
    level.searched++;
    return;
  }
  context.handOver(level.prefix + plainName(name));
}

/** Something is left to do that its directory was listed for. */
const hasNames = ({ names, next, given }: Level): boolean =>
  names !== null && names.length - next > given.size;

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
