/**
 * A process for `kill.test.ts`: backs up `DIRECTORY/tree` again and again, or restores the latest snapshot.
 *
 * usage: backup-child.ts backup|restore DIRECTORY    begins when a line comes on stdin and says `begun` then,
 * `done` after each backup, and `half` when a good part of the restore is there
 */

import { once } from 'node:events';
import { join } from 'node:path';
import { openLab } from '../../support/backup.ts';

const [, , job, directory] = process.argv as [string, string, string, string];
const lab = await openLab(directory);
await once(process.stdin, 'data');
process.stdout.write('begun\n');
if (job === 'restore') {
  let entries = 0;
  await lab.restore(join(directory, 'target'), {
    onEvent(event) {
      if (event.type === 'progress') entries += event.entries;
      if (entries > 1000) process.stdout.write('half\n');
    },
  });
} else {
  for (;;) {
    await lab.backUp({ shadow: join(directory, 'tree') });
    process.stdout.write('done\n');
  }
}
process.exit(0);
