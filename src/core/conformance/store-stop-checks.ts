/** Checks that every method hears a signal that has fired already, and does nothing then. */

import { deepEqual } from 'node:assert/strict';
import type { StoreCheck } from './check.ts';
import * as probe from './probes.ts';

export const storeStopChecks: readonly StoreCheck[] = [
  {
    name: 'answers INTERRUPTED to head, list, get and remove once the signal has fired, and removes nothing',
    async run(subject, context) {
      const key = `${context.prefix}stopped`;
      const bytes = context.randomBytes(1000);
      await probe.put(subject, context, key, bytes);
      const stop = new AbortController();
      stop.abort();
      const { signal } = stop;
      await probe.rejectsWith('INTERRUPTED', subject.head({ key, signal }), 'head');
      await probe.rejectsWith('INTERRUPTED', subject.list({ prefix: context.prefix, signal }), 'list');
      const reading = probe.read(subject, { ...context, signal }, key);
      await probe.rejectsWith('INTERRUPTED', reading, 'get');
      await probe.rejectsWith('INTERRUPTED', subject.remove({ key, signal }), 'remove');
      deepEqual(await probe.keysBelow(subject, context, context.prefix), [key], 'what is left');
      probe.sameBytes(await probe.read(subject, context, key), bytes, 'the object');
    },
  },
];
