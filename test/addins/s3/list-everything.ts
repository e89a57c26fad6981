/** Lists all keys of a store in a process of its own and prints what `Listing` in many-keys.ts has. */

import { text } from 'node:stream/consumers';
import { s3Store } from '../../../src/addins/s3/index.ts';

const store = await s3Store.open(JSON.parse(await text(process.stdin)));
const openedBytes = process.memoryUsage.rss();
let keys = 0;
let ordered = true;
let last = '';
let after: string | null = '';
while (after !== null) {
  const request = { prefix: '', signal: AbortSignal.timeout(600_000) };
  const page = await store.list(after === '' ? request : { ...request, after });
  keys += page.objects.length;
  for (const { key } of page.objects) {
    ordered &&= key > last;
    last = key;
  }
  after = page.next;
}
await store.close();
process.stdout.write(
  JSON.stringify({ keys, ordered, grownBytes: process.resourceUsage().maxRSS * 1024 - openedBytes }),
);
