/**
 * A process to be killed: backs up `DIRECTORY/tree` again and again, or restores the latest snapshot.
 *
 * usage: backup-child.ts backup|restore DIRECTORY    begins when a line comes on stdin and says `begun` then,
 * `done` after each backup, and `half` when a good part of the restore is there. The store is a local one, or with
 * LAB_S3 in the environment, its settings as JSON, a bucket. With LAB_CHAIN all but the first are incrementals, of
 * small pages.
 */

import { once } from 'node:events';
import { join } from 'node:path';
import { s3Store } from '../../../src/addins/s3/index.ts';
import { openLab } from '../../support/backup.ts';

const [, , job, directory] = process.argv as [string, string, string, string];
const bucket = process.env['LAB_S3'];
const chain = process.env['LAB_CHAIN'] !== undefined;
const lab = await openLab(
  directory,
  bucket === undefined
    ? { ...(chain ? { chain: { rereadEvery: 3 }, pageBytes: 3000, threads: 3 } : {}) }
    : { store: await s3Store.open(JSON.parse(bucket)) },
);
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
    await lab.backUp({ shadow: join(directory, 'tree') }, { level: chain ? 'incremental' : 'auto' });
    process.stdout.write('done\n');
  }
}
process.exit(0);
