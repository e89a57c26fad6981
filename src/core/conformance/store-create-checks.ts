/** Checks of `createOnly`: who creates an object is told so, and whoever comes second leaves it alone. */

import { equal, fail, ok } from 'node:assert/strict';
import { isHoldfastError } from '../errors.ts';
import type { StoreCheck } from './check.ts';
import * as probe from './probes.ts';
import { unfinishedBytes } from './probes.ts';

export const storeCreateChecks: readonly StoreCheck[] = [
  {
    name: 'refuses to create an object twice and keeps the first',
    async run(subject, context) {
      const key = `${context.prefix}once`;
      const first = context.randomBytes(3000);
      await probe.put(subject, context, key, first, { createOnly: true });
      // What is large tends to be sent in parts, and completed by another request.
      for (const { length, declared } of [
        { length: 3000, declared: false },
        { length: unfinishedBytes, declared: false },
        { length: unfinishedBytes, declared: true },
      ]) {
        const extra = { createOnly: true, ...(declared ? { sizeBytes: length } : {}) };
        const second = probe.put(subject, context, key, context.randomBytes(length), extra);
        const what = `the second put, of ${length} bytes, size ${declared ? 'declared' : 'unknown'}`;
        await probe.rejectsWith('OBJECT_EXISTS', second, what);
        probe.sameBytes(await probe.read(subject, context, key), first, 'the first object');
      }
    },
  },
  {
    name: 'lets exactly one of eight racing puts create an object',
    when: (capabilities) => capabilities.conditionalCreate,
    async run(subject, context) {
      for (const length of [10, 100_000]) {
        const key = `${context.prefix}race-${length}`;
        const bodies = Array.from({ length: 8 }, () => context.randomBytes(length));
        const outcomes = await Promise.allSettled(
          bodies.map((bytes) => probe.put(subject, context, key, bytes, { createOnly: true })),
        );
        const winner = outcomes.findIndex((outcome) => outcome.status === 'fulfilled');
        for (const [index, outcome] of outcomes.entries()) {
          if (index === winner) continue;
          if (outcome.status === 'fulfilled') fail(`puts ${winner} and ${index} both created ${key}`);
          ok(isHoldfastError(outcome.reason), String(outcome.reason));
          equal(outcome.reason.code, 'OBJECT_EXISTS', 'the error of a put that lost');
        }
        ok(winner >= 0, `none of the puts created ${key}`);
        probe.sameBytes(await probe.read(subject, context, key), bodies[winner]!, 'the object of the winner');
      }
    },
  },
];
