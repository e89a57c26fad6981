/** Checks of `Store.extendLock`, for stores that have it. Trial objects are never locked, or they would stay. */

import { ok } from 'node:assert/strict';
import type { StoreCheck } from './check.ts';
import * as probe from './probes.ts';

export const storeLockChecks: readonly StoreCheck[] = [
  {
    name: 'locks no trial object, and changes none by extending its lock',
    async run(subject, context) {
      if (subject.extendLock === undefined) return;
      const { signal } = context;
      const key = `${context.prefix}lock`;
      const bytes = context.randomBytes(1000);
      await probe.put(subject, context, key, bytes);
      // A place that locks every object by itself leaves the store no choice.
      if (((await subject.head({ key, signal }))?.lockedUntilMs ?? null) !== null) return;
      for (const lockedAtMs of [null, 0, Number.MAX_SAFE_INTEGER]) {
        await subject.extendLock({ key, lockedAtMs, signal });
      }
      probe.sameBytes(await probe.read(subject, context, key), bytes, 'get');
      const { lockedUntilMs } = (await subject.head({ key, signal })) ?? {};
      ok((lockedUntilMs ?? null) === null, 'a trial object is locked');
      await subject.remove({ key, signal });
      ok((await subject.head({ key, signal })) === null, 'a trial object cannot be removed');
    },
  },
];
