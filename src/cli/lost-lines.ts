/** What snapshots have lost, and what to do where it is the one that the next backup refers to. */

import type { RepairedSnapshot } from '../core/jobs/repair/types.ts';
import { countText, plural } from './format.ts';
import type { Output } from './output.ts';

/** Of a snapshot so many lost paths are shown; --json has more. */
const shownPaths = 20;

/** Paths, and in place of those that stood on a page of the index that is lost, between which they lay. */
export function lostLines({
  lostPaths,
  paths,
  unnamed,
  pages,
}: Pick<RepairedSnapshot, 'lostPaths' | 'paths' | 'unnamed' | 'pages'>): string[] {
  const lines: string[] = [];
  const beginning = new Map(pages.map((page) => [page.from, page]));
  let left = lostPaths - unnamed;
  for (const path of paths.slice(0, shownPaths)) {
    const page = beginning.get(path);
    const before = page === undefined || page.before === null ? '' : `, before ${page.before}`;
    lines.push(
      page === undefined ? path : `${path} and what follows${before}: ${plural(page.count, 'path')}`,
    );
    left -= page?.count ?? 1;
  }
  if (left > 0) lines.push(`and ${countText(left)} more`);
  if (unnamed > 0) lines.push(`and ${countText(unnamed)} whose names nobody knows`);
  return lines;
}

/** A backup takes nothing from what is marked, but one that cannot read the store does not see the mark. */
export function tellNewestLost(output: Output, { newestLost }: { readonly newestLost: number }): void {
  if (newestLost === 0) return;
  const whose =
    newestLost === 1
      ? 'the newest snapshot of an account'
      : `the newest snapshots of ${plural(newestLost, 'account')}`;
  output.note(
    `note: ${whose} lost something, which the next backup stores anew; where a server's credentials can only put, run \`holdfast backup --level full\` there, since it sees nothing of this`,
  );
}
