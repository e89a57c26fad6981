/** Checks of versions, for stores that claim to keep what is overwritten. */

import { equal, notEqual, ok } from 'node:assert/strict';
import type { Store } from '../contracts/store.ts';
import { isHoldfastError } from '../errors.ts';
import type { CheckContext, StoreCheck } from './check.ts';
import * as probe from './probes.ts';

const when: NonNullable<StoreCheck['when']> = ({ versions }) => versions;

async function putVersions(
  subject: Store,
  context: CheckContext,
  key: string,
  bodies: readonly Uint8Array[],
): Promise<string[]> {
  const versions: string[] = [];
  for (const bytes of bodies) {
    const { version } = await probe.put(subject, context, key, bytes);
    ok(typeof version === 'string', 'put tells a version');
    versions.push(version);
  }
  equal(new Set(versions).size, versions.length, 'versions that differ');
  return versions;
}

async function readVersion(
  subject: Store,
  { signal }: CheckContext,
  key: string,
  version: string,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of subject.get({ key, version, signal })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export const storeVersionChecks: readonly StoreCheck[] = [
  {
    name: 'keeps each version that was overwritten, and removes exactly the one it is told to',
    when,
    async run(subject, context) {
      const { signal } = context;
      const key = `${context.prefix}versions`;
      const bodies = [100, 200, 300].map((length) => context.randomBytes(length));
      const versions = await putVersions(subject, context, key, bodies);
      const [, middle, newest] = versions as [string, string, string];
      for (const [index, version] of versions.entries()) {
        const bytes = await readVersion(subject, context, key, version);
        probe.sameBytes(bytes, bodies[index]!, `version ${index}`);
      }
      const listed = await probe.listAll(subject, context, context.prefix);
      equal(listed.map(({ version }) => version).join(), newest, 'versions listed');
      await subject.remove({ key, version: middle, signal });
      await probe.rejectsWith(
        'OBJECT_MISSING',
        readVersion(subject, context, key, middle),
        'a removed version',
      );
      probe.sameBytes(await probe.read(subject, context, key), bodies[2]!, 'the newest version');
      await subject.remove({ key, version: newest, signal });
      probe.sameBytes(await probe.read(subject, context, key), bodies[0]!, 'the version that is left');
    },
  },
  {
    name: 'lets no old version come to light when an object is removed',
    when,
    async run(subject, context) {
      const key = `${context.prefix}hidden`;
      const bodies = [10, 20].map((length) => context.randomBytes(length));
      const [first] = await putVersions(subject, context, key, bodies);
      await subject.remove({ key, signal: context.signal });
      await probe.invisible(subject, context, key);
      const again = await probe.put(subject, context, key, context.randomBytes(30));
      notEqual(again.version, first, 'the version of an object that is put again');
    },
  },
  {
    name: 'lists what is left of a removed object to whoever asks for hidden ones, or refuses to say',
    when,
    async run(subject, context) {
      const { signal } = context;
      const key = `${context.prefix}left`;
      const [first] = await putVersions(
        subject,
        context,
        key,
        [10, 20].map((length) => context.randomBytes(length)),
      );
      await subject.remove({ key, signal });
      const isLeft = await readVersion(subject, context, key, first!).then(
        () => true,
        () => false,
      );
      const listed = await subject
        .list({ prefix: key, hidden: true, signal })
        .then(({ objects }) => objects.some((one) => one.key === key))
        .catch((error: unknown) => {
          if (isHoldfastError(error) && error.code === 'STORE_DENIED') return isLeft;
          throw error;
        });
      equal(listed, isLeft, 'listed among the hidden while a version is left');
    },
  },
];
