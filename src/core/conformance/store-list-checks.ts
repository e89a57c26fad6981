/** Checks of `Store.list`: order, prefixes, pages, numbers and odd keys. */

import { deepEqual, equal } from 'node:assert/strict';
import { longestKeyBytes } from '../store-key.ts';
import type { StoreCheck } from './check.ts';
import * as probe from './probes.ts';

/**
 * Names whose byte order differs from the order of a directory walk, of a locale, or of one that
 * folds case. None is a directory of another, which not every store can hold.
 */
const trickyNames = [
  'a%20b/1',
  'a-1',
  'a-/2',
  'a./1',
  'a.b',
  'a.b.c/x',
  'a/1',
  'a/10',
  'a/2',
  'a/b-c/d',
  'a/b.c',
  'a/b/c',
  'a0',
  'a1/0/0.x',
  'aZ',
  'a_b',
  'ab/1',
  'B/1',
  'b/1',
  'Z',
  '-/-',
  '_._',
  '...',
  '%2F',
] as const;

/** Ends that core's own keys have, and one that passes for something unfinished. */
const ownNames = [
  'data/0/pack.tar.zst.age',
  'keys/0/key.age',
  'manifests/0/full.manifest',
  'runs/run.json',
  'unfinished.tmp',
] as const;

const longName = `${'n'.repeat(200)}/${'%'.repeat(200)}/${'-'.repeat(200)}/`;

export const storeListChecks: readonly StoreCheck[] = [
  {
    name: 'lists keys by their bytes, from any prefix, after any key, in pages of any size',
    async run(subject, context) {
      const keys = trickyNames.map((name) => `${context.prefix}${name}`).sort();
      await probe.inParallel(keys, 8, (key) => probe.put(subject, context, key, context.randomBytes(1)));
      for (const prefixName of ['', 'a', 'a/', 'a/b', 'a.b', 'a/1', 'none']) {
        const prefix = context.prefix + prefixName;
        for (const afterName of [null, '', 'a', 'a.', 'a/', 'a/1', 'a/5', 'a/b/c', 'a/b0', 'b', '~']) {
          // `~` sorts after every character a key can have.
          const after = afterName === null ? undefined : context.prefix + afterName;
          const options = after === undefined ? {} : { after };
          const wanted = keys.filter((key) => key.startsWith(prefix) && (after === undefined || key > after));
          // Small pages take many requests, and are the same to every prefix that has some.
          for (const limit of prefixName === '' || prefixName === 'a/' ? [2, 1000] : [1000]) {
            const objects = await probe.listAll(subject, context, prefix, { ...options, limit });
            deepEqual(
              objects.map((object) => object.key),
              wanted,
              `prefix ${prefixName}, after ${afterName}, limit ${limit}`,
            );
          }
        }
      }
    },
  },
  {
    name: 'lists nothing below an unknown prefix',
    async run(subject, context) {
      const request = { prefix: `${context.prefix}un/known`, signal: context.signal };
      deepEqual(await subject.list(request), { objects: [], next: null });
    },
  },
  {
    name: 'lists more than a thousand keys, each once',
    async run(subject, context) {
      const keys = Array.from(
        // More than a page of the services we know, which is a thousand; a thousand more would take seconds of each.
        { length: 1100 },
        (_, index) => `${context.prefix}k/${index % 3}/${index}`,
      ).sort();
      const bytes = context.randomBytes(1);
      await probe.inParallel(keys, 32, (key) => probe.put(subject, context, key, bytes));
      deepEqual(await probe.keysBelow(subject, context, context.prefix), keys);
      for (const limit of [300, 5000]) {
        const paged = await probe.listAll(subject, context, `${context.prefix}k/`, { limit });
        deepEqual(
          paged.map((object) => object.key),
          keys,
          `limit ${limit}`,
        );
      }
    },
  },
  {
    name: 'goes on listing after objects it has listed were removed',
    async run(subject, context) {
      const { signal } = context;
      const keys = Array.from({ length: 30 }, (_, index) => `${context.prefix}${100 + index}/x`);
      await probe.inParallel(keys, 8, (key) => probe.put(subject, context, key, context.randomBytes(1)));
      const seen: string[] = [];
      let after: string | undefined;
      do {
        const request = { prefix: context.prefix, limit: 7, signal };
        const page = await subject.list(after === undefined ? request : { ...request, after });
        seen.push(...page.objects.map((object) => object.key));
        await Promise.all(page.objects.map(({ key }) => subject.remove({ key, signal })));
        after = page.next ?? undefined;
      } while (after !== undefined);
      deepEqual(seen, keys);
    },
  },
  {
    name: 'shows a new object to every listing that begins after its put',
    async run(subject, context) {
      const keys: string[] = [];
      for (let index = 0; index < 20; index += 1) {
        const key = `${context.prefix}grow/${100 + index}`;
        await probe.put(subject, context, key, context.randomBytes(1));
        keys.push(key);
        deepEqual(await probe.keysBelow(subject, context, `${context.prefix}grow/`), keys);
      }
    },
  },
  {
    name: 'keeps every legal key as it is, however odd or long',
    async run(subject, context) {
      const room = longestKeyBytes - context.prefix.length - longName.length - 1;
      const half = room >> 1;
      const names = [
        ...trickyNames,
        ...ownNames,
        `${longName}${'x'.repeat(half)}/${'y'.repeat(room - half)}`,
      ];
      const objects = names.map((name) => ({
        key: context.prefix + name,
        bytes: context.randomBytes(name.length),
      }));
      await probe.inParallel(objects, 8, ({ key, bytes }) => probe.put(subject, context, key, bytes));
      for (const { key, bytes } of objects) {
        probe.sameBytes(await probe.read(subject, context, key), bytes, key);
        equal((await subject.head({ key, signal: context.signal }))?.key, key);
      }
      const listed = await probe.keysBelow(subject, context, context.prefix);
      deepEqual(listed, objects.map((object) => object.key).sort());
    },
  },
];
