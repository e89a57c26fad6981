/**
 * Checks of single objects of a snapshot: size and hash as stored, and what an export holds.
 */

import { createHash } from 'node:crypto';
import { plainFrames } from '../archive/frame-splitter.ts';
import type { DatabaseComponent, ObjectRef } from '../archive/manifest.ts';
import type { Store } from '../contracts/store.ts';
import { type KeyedProvider, streamPayload } from '../encryption/keyed-provider.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import { atMost } from '../streams.ts';
import type { AnySnapshot, Snapshot } from './catalog.ts';
import { eachLimited } from './each-limited.ts';
import type { CheckedOnce } from './verify-once.ts';

export interface ObjectCheck {
  readonly provider: KeyedProvider;
  readonly store: Store;
  /** What snapshots share is checked once. */
  readonly checked: CheckedOnce;
  readonly signal: AbortSignal;
}

const headsAtOnce = 8;

/** Asks for all sizes, several at once, so that `checkSize` has the answers. @throws what is not about one object */
export async function askSizes(request: ObjectCheck, objects: readonly ObjectRef[]): Promise<void> {
  await eachLimited(objects, headsAtOnce, (object) =>
    checkSize(request, object).catch((error) => {
      if (!isHoldfastError(error) || !error.code.startsWith('OBJECT_')) throw error;
    }),
  );
}

export function checkSize({ checked, store, signal }: ObjectCheck, { key, size }: ObjectRef): Promise<void> {
  return checked.once(`size ${size} ${key}`, async () => {
    const info = await store.head({ key, signal });
    if (info === null) throw new HoldfastError('OBJECT_MISSING', `object ${key} is missing`);
    if (info.sizeBytes !== size)
      throw new HoldfastError('OBJECT_DAMAGED', `object ${key} has ${info.sizeBytes} bytes, not ${size}`);
  });
}

export function checkBytes(
  { checked, provider, signal }: ObjectCheck,
  { key, size, sha256 }: ObjectRef,
): Promise<void> {
  return checked.once(`bytes ${size} ${sha256} ${key}`, async () => {
    const digest = createHash('sha256');
    for await (const piece of atMost(provider.get({ key, signal }), size, key)) digest.update(piece);
    if (digest.digest('hex') === sha256) return;
    throw new HoldfastError('OBJECT_DAMAGED', `object ${key} has another hash than when it was written`);
  });
}

export async function checkExport(
  { checked, provider, signal }: ObjectCheck,
  { header }: Snapshot,
  component: DatabaseComponent,
): Promise<void> {
  const parts = [{ object: component.object, sha256: component.sha256 }, ...component.besides];
  for (const part of parts) {
    const object = [...header.objects, ...header.references].find((one) => one.number === part.object);
    if (object === undefined) throw new HoldfastError('OBJECT_DAMAGED', `no object holds ${component.name}`);
    const { key, size, epoch } = object;
    await checked.once(`export ${size} ${epoch} ${part.sha256} ${key}`, async () => {
      const digest = createHash('sha256');
      const payload = streamPayload(provider, object, signal);
      for await (const plain of plainFrames(payload, `object ${key}`)) digest.update(plain);
      if (digest.digest('hex') === part.sha256) return;
      throw new HoldfastError(
        'OBJECT_DAMAGED',
        `the export in ${key} has another hash than when it was made`,
      );
    });
  }
}

export function indexKeyOf({ header, body }: Snapshot): string | null {
  return (
    [...header.objects, ...header.references].find((one) => one.number === body.index?.object)?.key ?? null
  );
}

export function componentOf(snapshot: AnySnapshot, object: ObjectRef): string | null {
  const database = snapshot.body?.components.find(
    (one) =>
      one.type === 'database' &&
      (one.object === object.number || one.besides.some((beside) => beside.object === object.number)),
  );
  return database?.name ?? null;
}
