/**
 * A process to be killed: backs up `DIRECTORY/tree` again and again, restores the latest snapshot, or compacts.
 *
 * usage: backup-child.ts backup|restore|compact DIRECTORY    begins when a line comes on stdin and says `begun` then,
 * `done` after each backup, and `half` when a good part of the restore is there. The store is a local one, or with
 * LAB_S3 in the environment, its settings as JSON, a bucket. With LAB_CHAIN all but the first are incrementals, of
 * small pages. With LAB_STUCK, the beginning of keys, it says `stuck` instead of putting one of those, and waits for its end.
 */

import { once } from 'node:events';
import { join } from 'node:path';
import { localStore } from '../../../src/addins/local/index.ts';
import { s3Store } from '../../../src/addins/s3/index.ts';
import type { Store } from '../../../src/core/contracts/store.ts';
import { openLab } from '../../support/backup.ts';
import { compactLab } from '../../support/upkeep.ts';

const [, , job, directory] = process.argv as [string, string, string, string];
const bucket = process.env['LAB_S3'];
const chain = process.env['LAB_CHAIN'] !== undefined;
const stuck = process.env['LAB_STUCK'];

function stuckAt(beginning: string, store: Store): Store {
  const put: Store['put'] = (request) => {
    if (!request.key.startsWith(beginning)) return store.put(request);
    process.stdout.write('stuck\n');
    return new Promise(() => {});
  };
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = name === 'put' ? put : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const local = { use: 'local', path: join(directory, 'store') };
const store =
  bucket !== undefined
    ? await s3Store.open(JSON.parse(bucket))
    : stuck === undefined
      ? null
      : stuckAt(stuck, await localStore.open(local));
const lab = await openLab(directory, {
  ...(chain ? { chain: { rereadEvery: 3 }, pageBytes: 3000, threads: 3 } : {}),
  ...(store === null ? {} : { store }),
});
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
} else if (job === 'compact') {
  await compactLab(lab);
  process.stdout.write('done\n');
} else {
  for (;;) {
    await lab.backUp({ shadow: join(directory, 'tree') }, { level: chain ? 'incremental' : 'auto' });
    process.stdout.write('done\n');
  }
}
process.exit(0);
