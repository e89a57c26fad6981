/** A put-only copy cannot be asked what it is: only its place and what it refuses tell that it is the one that was written to. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import { readStoreFile } from '../../../../src/core/jobs/store-file.ts';
import { opened, owner, SyntheticCopy, withMethods } from '../../../support/synthetic-copy.ts';
import { keysIn, ownerUuid, signal } from '../../../support/synthetic-snapshots.ts';

const denied = (): Promise<never> =>
  Promise.reject(new HoldfastError('STORE_DENIED', 'these credentials can only write'));

describe('a put-only copy', () => {
  let lab: SyntheticCopy;
  let puts: string[];

  beforeEach(async () => {
    lab = await SyntheticCopy.open();
    puts = [];
    await lab.days(2);
  });
  afterEach(() => lab.close());

  const putOnly = (store: Store, more: Partial<Store> = {}): Store =>
    withMethods(store, {
      capabilities: { ...store.capabilities, putOnly: true },
      put: (request) => {
        puts.push(request.key);
        return store.put(request);
      },
      head: denied,
      list: denied,
      async *get() {
        yield await denied();
      },
      ...more,
    });

  const runIn = (store: Store, place: string) =>
    lab.run(null, {
      copies: [{ name: 'offsite', retention: null, open: async () => ({ ...(await opened(store)), place }) }],
    });

  it('gets everything again, and is the same store, where it was emptied', async () => {
    expect(await lab.run(null, { copy: putOnly(lab.copy) })).toMatchObject({ copied: 2, error: null });
    const before = await readStoreFile(lab.copy, signal);
    for (const key of await keysIn(lab.copy)) await lab.copy.remove({ key, signal });

    await lab.days(1, { first: 3 });
    expect(await lab.run(null, { copy: putOnly(lab.copy) })).toMatchObject({ copied: 3, error: null });
    expect((await lab.copied()).toSorted()).toEqual([1, 2, 3]);
    expect((await readStoreFile(lab.copy, signal))?.store).toBe(before?.store);
  });

  it('is not sent older snapshots again for one lost object', async () => {
    await lab.days(1, { owner: ownerUuid(2) });
    await lab.run(null, { copy: putOnly(lab.copy) });
    const [lost] = await keysIn(lab.copy, `data/${lab.server}/${owner}/`);
    await lab.copy.remove({ key: lost!, signal });
    expect(await lab.run(null, { copy: putOnly(lab.copy) })).toMatchObject({ copied: 0, error: null });
  });

  it('costs one object a run to look at, which it refuses', async () => {
    await lab.run(null, { copy: putOnly(lab.copy) });
    puts = [];
    expect(await lab.run(null, { copy: putOnly(lab.copy) })).toMatchObject({ copied: 0, objects: 0 });
    expect(puts).toEqual([expect.stringMatching(/^(data|index)\//)]);
  });

  it('is taken for what it was where its service takes what it has already', async () => {
    const copy = putOnly(lab.copy, {
      put: (request) => {
        puts.push(request.key);
        return lab.copy.put({ ...request, createOnly: false });
      },
    });
    await lab.run(null, { copy });
    puts = [];
    expect(await lab.run(null, { copy })).toMatchObject({ copied: 0, error: null });
    expect(puts).toHaveLength(2);
  });

  it('is refused at another place than before', async () => {
    expect(await runIn(putOnly(lab.copy), 'here')).toMatchObject({ copied: 2, error: null });
    const elsewhere = memoryStore({ now: lab.now });
    const { error } = await runIn(putOnly(elsewhere), 'there');
    expect(error).toMatchObject({ code: 'COPY_FAILED', cause: { code: 'STORE_FOREIGN' } });
    expect(error?.message).toContain('nightly/offsite');
    expect(await keysIn(elsewhere)).toEqual([]);
    expect(await runIn(putOnly(lab.copy), 'here')).toMatchObject({ error: null });
  });
});
