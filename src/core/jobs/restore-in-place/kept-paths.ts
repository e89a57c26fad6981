/**
 * What `--delete` never removes: whatever a backup leaves out on purpose, or could not read.
 *
 * Its absence from the snapshot does not mean that it was absent.
 */

import type { Account } from '../../contracts/panel.ts';
import { HoldfastError } from '../../errors.ts';
import { PathFilter } from '../../filesystem/patterns.ts';
import type { Snapshot } from '../catalog.ts';
import { ofTree } from '../excluded.ts';
import { leftOut } from '../left-out.ts';
import { warnedPath } from '../restore/backup-warnings.ts';

/** @throws RESTORE_INCOMPLETE the snapshot lacks more than its manifest can list, so that nothing may be deleted by it */
export function refuseUnlisted({ body, name }: Snapshot): void {
  const missing = leftOut.reduce((sum, code) => sum + (body.warningCounts[code] ?? 0), 0);
  if (listedOf(body).length >= missing) return;
  const message = `${name} lacks ${missing} entries that could not be read, too many to know what may be deleted`;
  throw new HoldfastError('RESTORE_INCOMPLETE', message, {
    hint: 'Restore without --delete, or from another snapshot.',
  });
}

const listedOf = (body: Snapshot['body']): Snapshot['body']['warnings'] =>
  body.warnings.filter(({ code }) => leftOut.includes(code));

/** @returns whether a path (with its tree) stays, and all below it */
export function keptPaths({ body }: Snapshot, account: Account): (path: Buffer) => boolean {
  const unread = new Set(listedOf(body).map((one) => warnedPath(one).toString('latin1')));
  const filters = new Map(
    account.trees.map((tree) => {
      const then = new PathFilter(
        ofTree(body.exclusions, tree.name) ?? [],
        ofTree(body.inclusions, tree.name),
      );
      return [tree.name, [then, new PathFilter(tree.exclude, tree.include)]];
    }),
  );
  const isKept = (tree: string, parts: readonly string[]): boolean =>
    unread.has([tree, ...parts].join('/')) ||
    (filters.get(tree) ?? []).some(
      (one) => parts.length > 0 && one.judge(parts.join('/'), parts.length) !== 'take',
    );
  return (path) => {
    const [tree, ...parts] = path.toString('latin1').split('/');
    // What is left out is left out with all below it.
    for (let depth = 0; depth <= parts.length; depth++) if (isKept(tree!, parts.slice(0, depth))) return true;
    return false;
  };
}
