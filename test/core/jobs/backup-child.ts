/**
 * A process for `kill.test.ts`: backs up `DIRECTORY/tree` again and again, or restores the latest snapshot.
 *
 * usage: backup-child.ts backup|restore DIRECTORY    begins when a line comes on stdin, says `begun` then
 */

import { once } from 'node:events';
import { join } from 'node:path';
import { openLab } from '../../support/backup.ts';

const [, , job, directory] = process.argv as [string, string, string, string];
const lab = await openLab(directory);
await once(process.stdin, 'data');
process.stdout.write('begun\n');
if (job === 'restore') {
  await lab.restore(join(directory, 'target'));
} else {
  for (;;) await lab.backUp({ shadow: join(directory, 'tree') });
}
process.exit(0);
