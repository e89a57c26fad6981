/**
 * What a store can and cannot do, found out with a handful of small objects, in plain words.
 *
 * A claim that does not hold has failed; an ability that is there without being claimed is a note. What a
 * trial would leave behind for good is not tried.
 */

import type { CheckContext } from '../../conformance/check.ts';
import type { PutResult, Store } from '../../contracts/store.ts';
import { collect } from '../../streams.ts';
import { findCreateOnly } from './find-create-only.ts';
import { clockAbility, type Finder, put, type StoreAbility, works } from './store-ability.ts';

export interface Abilities {
  readonly abilities: readonly StoreAbility[];
  readonly canRead: boolean;
  readonly canList: boolean;
  readonly canRemove: boolean;
}

/** @throws whatever the first put does: without it there is nothing to find out */
export async function findAbilities(
  store: Store,
  context: CheckContext & { readonly now: () => number },
): Promise<Abilities> {
  const { prefix, signal, now } = context;
  const { putOnly } = store.capabilities;
  const key = `${prefix}ability/first`;
  const bytes = context.randomBytes(1000);
  const before = now();
  const first = await put(store, context, key, bytes);
  const clock = clockAbility(first.storedAtMs, (before + now()) / 2, now() - before);
  const list = await works(async () => {
    const { objects } = await store.list({ prefix, signal });
    if (!objects.some((one) => one.key === key)) throw new Error('a listing does not show a new object');
  });
  const read = await works(async () => {
    if (!(await collect(store.get({ key, signal }), 4096)).equals(bytes)) throw new Error('the bytes differ');
  });
  const range = await works(async () => {
    const part = await collect(store.get({ key, range: { offset: 500, length: 7 }, signal }), 4096);
    if (!part.equals(Buffer.from(bytes.subarray(500, 507)))) throw new Error('the bytes differ');
  });
  const versions = read === null ? await findVersions(store, context, key, bytes, first) : null;
  const remove = await works(async () => {
    const { version } = first;
    await store.remove(version === null ? { key, signal } : { key, version, signal });
  });
  const can = { canRead: read === null, canList: list === null, canRemove: remove === null };
  const finder: Finder = { store, context, canRemove: can.canRemove };
  const abilities = [
    right('reading', 'objects can be read', read, !putOnly),
    right('listing', 'keys can be listed', list, !putOnly),
    right('removing', 'objects can be removed', remove, false),
    right('ranges', 'parts of objects can be read', range, !putOnly),
    versions ?? unseenVersions(store, first),
    ...(await orFailed('create-only', () => findCreateOnly(finder))),
    ...(await orFailed('storage classes', () => findClasses(finder))),
    objectLock(store),
    clock,
    putOnlyAbility(store, can),
  ];
  return { abilities, ...can };
}

/** An error in the middle of finding out is an answer too. */
async function orFailed(
  name: string,
  find: () => Promise<readonly StoreAbility[]>,
): Promise<readonly StoreAbility[]> {
  let found: readonly StoreAbility[] = [];
  const trouble = await works(async () => {
    found = await find();
  });
  if (trouble === null) return found;
  return [{ name, state: 'unknown', declared: null, verdict: 'failed', detail: trouble }];
}

function right(name: string, detail: string, trouble: string | null, needed: boolean): StoreAbility {
  if (trouble === null) return { name, state: 'yes', declared: null, verdict: 'ok', detail };
  return { name, state: 'no', declared: null, verdict: needed ? 'failed' : 'note', detail: trouble };
}

async function findVersions(
  store: Store,
  context: CheckContext,
  key: string,
  bytes: Uint8Array,
  first: PutResult,
): Promise<StoreAbility> {
  const { signal } = context;
  const declared = store.capabilities.versions;
  const second = await put(store, context, key, context.randomBytes(10));
  const both = first.version !== null && second.version !== null && first.version !== second.version;
  if (!both) {
    const detail = declared
      ? 'claimed, yet a second put of a key gave no version of its own'
      : 'none: what is overwritten is gone';
    return { name: 'versions', state: 'no', declared, verdict: declared ? 'failed' : 'ok', detail };
  }
  const old = await works(async () => {
    const found = await collect(store.get({ key, version: first.version ?? '', signal }), 4096);
    if (!found.equals(bytes)) throw new Error('the old version has other bytes');
  });
  if (old === null) {
    const detail = 'kept: what is overwritten can be read again';
    const undeclared = `${detail}; the store does not claim it`;
    return declared
      ? { name: 'versions', state: 'yes', declared, verdict: 'ok', detail }
      : { name: 'versions', state: 'yes', declared, verdict: 'note', detail: undeclared };
  }
  const detail = `an overwritten version cannot be read: ${old}`;
  return { name: 'versions', state: 'partly', declared, verdict: declared ? 'failed' : 'note', detail };
}

/** Without the right to read only the answer to a put tells. */
function unseenVersions(store: Store, { version }: PutResult): StoreAbility {
  const declared = store.capabilities.versions;
  const told = version !== null && version !== 'null';
  const detail = told ? 'a put was answered with a version' : 'a put was answered without a version';
  const verdict = declared && !told ? 'failed' : told && !declared ? 'note' : 'ok';
  return { name: 'versions', state: told ? 'yes' : 'unknown', declared, verdict, detail };
}

function objectLock(store: Store): StoreAbility {
  const { objectLock: declared, versions } = store.capabilities;
  const name = 'object lock';
  if (!declared)
    return { name, state: 'no', declared, verdict: 'ok', detail: 'none that the store knows of' };
  if (!versions) {
    const detail = 'claimed without versions, and a lock protects versions only';
    return { name, state: 'no', declared, verdict: 'failed', detail };
  }
  if (store.extendLock === undefined) {
    const detail = 'claimed, yet the store cannot extend the lock of what later snapshots refer to';
    return { name, state: 'partly', declared, verdict: 'failed', detail };
  }
  const detail = 'on; objects stay for as long as the bucket or a retention says';
  return { name, state: 'yes', declared, verdict: 'ok', detail };
}

async function findClasses({ store, context, canRemove }: Finder): Promise<StoreAbility[]> {
  const { storageClasses } = store.capabilities;
  const name = 'storage classes';
  if (storageClasses.length === 0) {
    return [{ name, state: 'no', declared: false, verdict: 'ok', detail: 'one class only' }];
  }
  const shown = storageClasses.join(', ');
  if (!canRemove) {
    const detail = `claimed are ${shown}; not tried, because the trial objects could not be removed`;
    return [{ name, state: 'unknown', declared: true, verdict: 'note', detail }];
  }
  const refused: string[] = [];
  for (const storageClass of storageClasses) {
    const key = `${context.prefix}ability/class-${storageClass}`;
    const trouble = await works(() => put(store, context, key, context.randomBytes(10), { storageClass }));
    if (trouble !== null) refused.push(storageClass);
  }
  if (refused.length === 0) return [{ name, state: 'yes', declared: true, verdict: 'ok', detail: shown }];
  const detail = `claimed are ${shown}; refused were ${refused.join(', ')}`;
  return [{ name, state: 'partly', declared: true, verdict: 'failed', detail }];
}

function putOnlyAbility(
  store: Store,
  { canRead, canList, canRemove }: Pick<Abilities, 'canRead' | 'canList' | 'canRemove'>,
): StoreAbility {
  const declared = store.capabilities.putOnly;
  const also = [
    ...(canRead ? ['read'] : []),
    ...(canList ? ['list'] : []),
    ...(canRemove ? ['remove'] : []),
  ].join(', ');
  const name = 'put-only';
  if (!declared && also !== '') {
    return { name, state: 'no', declared, verdict: 'ok', detail: `the credentials can also ${also}` };
  }
  if (!declared) {
    const detail = 'the credentials can only write, and the configuration does not say so';
    return { name, state: 'yes', declared, verdict: 'note', detail };
  }
  if (also === '')
    return { name, state: 'yes', declared, verdict: 'ok', detail: 'the credentials can only write' };
  const detail = `the configuration says so, but the credentials can also ${also}`;
  return { name, state: 'no', declared, verdict: 'note', detail };
}
