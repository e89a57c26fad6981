/**
 * Checks of single objects of a snapshot: size and hash as stored, and what an export holds.
 */

import { createHash } from 'node:crypto';
import { plainFrames } from '../archive/frame-splitter.ts';
import type { DatabaseComponent, ObjectRef } from '../archive/manifest.ts';
import type { Store } from '../contracts/store.ts';
import { type KeyedProvider, streamPayload } from '../encryption/keyed-provider.ts';
import { HoldfastError } from '../errors.ts';
import { atMost } from '../streams.ts';
import type { AnySnapshot, Snapshot } from './catalog.ts';

export interface ObjectCheck {
  readonly provider: KeyedProvider;
  readonly store: Store;
  readonly signal: AbortSignal;
  readonly onEvent: (event: { readonly type: 'bytes'; readonly bytes: number }) => void;
}

export async function checkSize(request: ObjectCheck, object: ObjectRef): Promise<void> {
  const info = await request.store.head({ key: object.key, signal: request.signal });
  if (info === null) throw new HoldfastError('OBJECT_MISSING', `object ${object.key} is missing`);
  if (info.sizeBytes !== object.size) {
    throw new HoldfastError(
      'OBJECT_DAMAGED',
      `object ${object.key} has ${info.sizeBytes} bytes, not ${object.size}`,
    );
  }
}

export async function checkBytes(
  request: ObjectCheck,
  object: ObjectRef,
  totals: { bytesRead: number },
): Promise<void> {
  const digest = createHash('sha256');
  const { key, size } = object;
  for await (const piece of atMost(request.provider.get({ key, signal: request.signal }), size, key)) {
    digest.update(piece);
    totals.bytesRead += piece.length;
    request.onEvent({ type: 'bytes', bytes: piece.length });
  }
  if (digest.digest('hex') !== object.sha256) {
    throw new HoldfastError(
      'OBJECT_DAMAGED',
      `object ${object.key} has another hash than when it was written`,
    );
  }
}

export async function checkExport(
  request: ObjectCheck,
  snapshot: Snapshot,
  component: DatabaseComponent,
): Promise<void> {
  const parts = [{ object: component.object, sha256: component.sha256 }, ...component.besides];
  for (const part of parts) {
    const object = [...snapshot.header.objects, ...snapshot.header.references].find(
      (one) => one.number === part.object,
    );
    if (object === undefined) throw new HoldfastError('OBJECT_DAMAGED', `no object holds ${component.name}`);
    const digest = createHash('sha256');
    const payload = streamPayload(request.provider, object, request.signal);
    for await (const plain of plainFrames(payload, `object ${object.key}`)) digest.update(plain);
    if (digest.digest('hex') !== part.sha256) {
      throw new HoldfastError(
        'OBJECT_DAMAGED',
        `the export in ${object.key} has another hash than when it was made`,
      );
    }
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
