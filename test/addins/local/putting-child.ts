/**
 * A process that puts an object and never comes to its end. Arguments: root of the store, key. It
 * prints `writing` once bytes are in its unfinished file.
 */

import { localStore } from '../../../src/addins/local/index.ts';

const [path = '', key = ''] = process.argv.slice(2);

async function* endless() {
  const bytes = new Uint8Array(1024 * 1024);
  yield bytes;
  yield bytes;
  process.stdout.write('writing\n');
  // A pending promise alone would let the process end.
  setInterval(() => {}, 1000);
  await new Promise(() => {});
}

const store = await localStore.open({ use: 'local', path });
await store.put({ key, body: endless(), signal: new AbortController().signal });
