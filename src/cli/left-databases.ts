/** The databases of a snapshot that a restore in place of the whole account leaves as they are. */

import type { Snapshot } from '../core/jobs/catalog.ts';
import { printable } from '../core/printable.ts';
import { storeOptions } from './hint-commands.ts';
import type { Output } from './output.ts';

/** An account may have any number; --json has all of them. */
const mostNotes = 20;

/** Those that can be restored, as `--database` takes them: `<instance>/<name>`. */
export function leftDatabases({ body }: Pick<Snapshot, 'body'>): readonly string[] {
  return body.components.flatMap((one) =>
    one.type === 'database' && one.state === 'complete' && one.object !== null
      ? one.databases.map((name) => `${one.instance}/${name}`)
      : [],
  );
}

/**
 * Says that they are as they were, and for each the command that brings it back as well.
 *
 * @param addin configuration it was restored from, or a copy of one
 * @param again what else of the command line the others take, each option after a blank
 */
export function noteLeftDatabases(
  output: Pick<Output, 'note'>,
  { name: id }: Pick<Snapshot, 'name'>,
  databases: readonly string[],
  addin: string,
  again = '',
): void {
  if (databases.length === 0) return;
  const from = storeOptions(addin);
  output.note('note: without --database the databases stay as they are; to bring them back as well:');
  for (const database of databases.slice(0, mostNotes))
    output.note(`  holdfast restore ${word(id)} ${from} --in-place --database ${word(database)}${again}`);
  const more = databases.length - mostNotes;
  if (more > 0)
    output.note(`  and ${more} more, which holdfast ls ${word(id)} ${from} databases${again} shows`);
}

/** For a shell, and safe to show. */
export function word(text: string): string {
  const shown = printable(text, 4096);
  return /^[\w.@:/-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
}
