/**
 * Whether a put-only copy still has what it was sent. It cannot be asked; but an object that it should have is refused
 * when it is offered again, and one that it takes was not there. Costs one small object a run.
 */

import type { ObjectRef } from '../../archive/manifest.ts';
import { CheckedBody } from './checked-body.ts';
import { sendObject } from './copy-object.ts';
import type { CopyPath } from './copy-one.ts';
import type { CopyRecord } from './copy-record.ts';
import { namedBy } from './landed.ts';

/** So many must be lacking, if there are as many: one may be lost, and those of an account may have been removed as erased. */
const objectsAsked = 3;
const ofEachAccount = 2;

/**
 * Looks at objects that newest snapshots name, until one is there; of accounts that lack one the record forgets that snapshot.
 * What was offered has come there. Where a service takes what it has already nothing is known, and nothing forgotten.
 *
 * @throws STORE_UNAVAILABLE, STORE_DENIED, STORE_FULL
 */
export async function wasEmptied(path: CopyPath, { landed }: Pick<CopyRecord, 'landed'>): Promise<boolean> {
  let lacking = 0;
  for (const [owner, key] of landed.manifests()) {
    const named = await namedBy(path, key);
    for (const object of named.toSorted((a, b) => a.size - b.size).slice(0, ofEachAccount)) {
      const found = await look(path, object);
      if (found === 'unreadable') continue;
      if (found !== 'lacking') return false;
      landed.forget(owner);
      lacking += 1;
      if (lacking === objectsAsked) return true;
    }
  }
  return lacking > 0;
}

async function look(
  path: CopyPath,
  object: ObjectRef,
): Promise<'there' | 'lacking' | 'unknown' | 'unreadable'> {
  const { signal } = path;
  const { key } = object;
  const offer = async (): Promise<'taken' | 'refused' | 'unreadable'> => {
    const body = new CheckedBody(path.source.provider.get({ key, signal }), object);
    try {
      const put = await sendObject(path, object, body);
      return put === null ? 'refused' : 'taken';
    } catch (error) {
      signal.throwIfAborted();
      if (body.sourceError !== null) return 'unreadable';
      throw error;
    }
  };
  const first = await offer();
  if (first !== 'taken') return first === 'refused' ? 'there' : first;
  // Who takes it once more took it whether it was there or not. A failure counts as lacking: the next run could not tell.
  const second = await offer().catch(() => 'refused');
  signal.throwIfAborted();
  return second === 'taken' ? 'unknown' : 'lacking';
}
