/**
 * Checks of `Provider.put` and `get`: that bytes pass unchanged, under their key, and that no failure
 * of the store is hidden.
 */

import { deepEqual, equal } from 'node:assert/strict';
import type { ObjectKind, Provider } from '../contracts/provider.ts';
import { HoldfastError } from '../errors.ts';
import type { CheckContext, ProviderCheck } from './check.ts';
import { type Fault, faultyStore } from './faulty-store.ts';
import * as probe from './probes.ts';

const kinds: readonly ObjectKind[] = [
  'segment',
  'export',
  'index',
  'manifest',
  'key',
  'event',
  'run',
  'meta',
];

function putObject(
  subject: Provider,
  context: CheckContext,
  key: string,
  bytes: Uint8Array,
  createOnly = false,
) {
  const body = probe.oddChunks(bytes);
  return subject.put({ kind: 'segment', key, body, createOnly, signal: context.signal });
}

const soundStoreChecks: readonly ProviderCheck[] = [
  {
    name: 'gives back what it took, whole and by ranges',
    async run(subject, context) {
      for (const length of [0, 1, 3 * probe.mebibyte + 5]) {
        const key = `${context.prefix}object-${length}`;
        const bytes = context.randomBytes(length);
        const result = await putObject(subject, context, key, bytes);
        equal(result.sizeBytes, length, 'size told by put');
        probe.sameBytes(await probe.read(subject, context, key), bytes, 'get');
        if (length === 0) continue;
        for (const [offset, size] of [
          [0, 1],
          [length >> 1, (length >> 2) + 1],
          [length - 1, 1],
        ] as const) {
          const part = await probe.read(subject, context, key, { offset, length: size });
          probe.sameBytes(part, bytes.subarray(offset, offset + size), `range ${offset}+${size}`);
        }
        const beyond = probe.read(subject, context, key, { offset: length - 1, length: 2 });
        await probe.rejectsWith('OBJECT_DAMAGED', beyond, 'a range that ends beyond the object');
      }
    },
  },
  {
    name: 'puts an object of every kind under exactly its key',
    async run(subject, context) {
      const bytes = context.randomBytes(1000);
      const keys = kinds.map((kind) => `${context.prefix}${kind}/a%20b/0000.tar.zst`);
      for (const [index, kind] of kinds.entries()) {
        const body = probe.oddChunks(bytes);
        await subject.put({ kind, key: keys[index]!, body, sizeBytes: 1000, signal: context.signal });
      }
      deepEqual(await probe.keysBelow(context.store, context, context.prefix), keys.toSorted());
      for (const key of keys) probe.sameBytes(await probe.read(context.store, context, key), bytes, key);
    },
  },
  {
    name: 'refuses to create an object twice and keeps the first',
    async run(subject, context) {
      const key = `${context.prefix}once`;
      const first = context.randomBytes(3000);
      await putObject(subject, context, key, first, true);
      const second = putObject(subject, context, key, context.randomBytes(3000), true);
      await probe.rejectsWith('OBJECT_EXISTS', second, 'the second put');
      probe.sameBytes(await probe.read(subject, context, key), first, 'the first object');
    },
  },
  {
    name: 'calls an absent key OBJECT_MISSING',
    async run(subject, context) {
      const absent = probe.read(subject, context, `${context.prefix}absent`);
      await probe.rejectsWith('OBJECT_MISSING', absent, 'get of an absent key');
    },
  },
];

const faultyStoreChecks: readonly ProviderCheck[] = [
  {
    name: 'rejects a put when the store does, and shows nothing of the object',
    async run(_subject, context) {
      for (const when of ['before', 'midway'] as const) {
        const key = `${context.prefix}failed-${when}`;
        const error = new HoldfastError('STORE_FULL', 'planted');
        const provider = await context.open(faultyStore(context.store, everyPut({ when, error })));
        const put = putObject(provider, context, key, context.randomBytes(probe.mebibyte));
        const rejected = await probe.rejects(put, `a put that fails ${when} its bytes`);
        if (when === 'before') equal((rejected as HoldfastError).code, 'STORE_FULL', 'the code of the error');
        await probe.invisible(context.store, context, key);
      }
      deepEqual(await probe.keysBelow(context.store, context, context.prefix), [], 'objects left behind');
    },
  },
  {
    name: 'rejects a put whose body breaks, and shows nothing of the object',
    async run(subject, context) {
      const key = `${context.prefix}broken`;
      const body = probe.breaking(context.randomBytes(probe.mebibyte), new Error('planted'));
      const put = subject.put({ kind: 'export', key, body, signal: context.signal });
      await probe.rejects(put, 'put of a body that breaks');
      deepEqual(await probe.keysBelow(context.store, context, context.prefix), [], 'objects left behind');
    },
  },
  {
    name: 'rejects a get that breaks in the store instead of ending short',
    async run(_subject, context) {
      const key = `${context.prefix}broken-get`;
      await probe.put(context.store, context, key, context.randomBytes(probe.mebibyte));
      const provider = await context.open(
        faultyStore(context.store, [{ method: 'get', call: 1, when: 'midway' }]),
      );
      await probe.rejectsWith('STORE_UNAVAILABLE', probe.read(provider, context, key), 'a get that breaks');
    },
  },
  {
    name: 'stops an interrupted put with INTERRUPTED',
    async run(subject, context) {
      const stop = new AbortController();
      stop.abort();
      const key = `${context.prefix}interrupted`;
      const put = putObject(subject, { ...context, signal: stop.signal }, key, context.randomBytes(10));
      await probe.rejectsWith('INTERRUPTED', put, 'an interrupted put');
      await probe.invisible(context.store, context, key);
    },
  },
];

/** A provider may try again; ten failures in a row are more than it may hide. */
function everyPut(fault: Pick<Fault, 'when' | 'error'>): readonly Fault[] {
  return Array.from({ length: 10 }, (_, index) => ({ method: 'put' as const, call: index + 1, ...fault }));
}

export const providerByteChecks: readonly ProviderCheck[] = [...soundStoreChecks, ...faultyStoreChecks];
