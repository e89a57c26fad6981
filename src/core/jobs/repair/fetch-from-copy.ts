/**
 * Takes damaged objects and manifests from a copy of the store, which has them byte for byte under the same
 * keys. What comes from a copy is checked before anything in the main store is touched.
 */

import { manifestLimitBytes, type ObjectRef, readManifest } from '../../archive/manifest.ts';
import type { ObjectKind } from '../../contracts/provider.ts';
import { isHoldfastError } from '../../errors.ts';
import { bytesOf, collect } from '../../streams.ts';
import type { ListedSnapshot } from '../catalog.ts';
import { CheckedBody } from '../copy/checked-body.ts';
import type { RepairRequest } from './types.ts';

type Copy = RepairRequest['copies'][number];

/** Name of the copy that has it whole, and by `apply` gave it back; null where none has. */
export async function fetchObject(request: RepairRequest, ref: ObjectRef): Promise<string | null> {
  for (const copy of request.copies) {
    if (!(await isWhole(request, copy, ref))) continue;
    if (request.apply) await putBack(request, copy, ref);
    return copy.name;
  }
  return null;
}

async function isWhole({ signal }: RepairRequest, copy: Copy, ref: ObjectRef): Promise<boolean> {
  try {
    const info = await copy.store.head({ key: ref.key, signal });
    if (info?.sizeBytes !== ref.size) return false;
    for await (const _ of new CheckedBody(copy.provider.get({ key: ref.key, signal }), ref));
    return true;
  } catch (error) {
    if (!isHoldfastError(error) || !/^(?:OBJECT|STORE)_/.test(error.code)) throw error;
    return false;
  }
}

/** In the place of what is there: removed first, it would be gone where this breaks off. */
async function putBack({ provider, signal }: RepairRequest, copy: Copy, ref: ObjectRef): Promise<void> {
  const { key, size, kind } = ref;
  const body = new CheckedBody(copy.provider.get({ key, signal }), ref);
  const asKind: ObjectKind = kind === 'beside' ? 'export' : kind;
  await provider.put({ kind: asKind, key, body, sizeBytes: size, createOnly: false, signal });
}

/** As `fetchObject`, for a manifest: its seal says whether it is whole. */
export async function fetchManifest(
  request: RepairRequest,
  { key, id }: ListedSnapshot,
): Promise<string | null> {
  const { provider, signal } = request;
  for (const copy of request.copies) {
    let bytes: Buffer;
    try {
      bytes = await collect(copy.provider.get({ key, signal }), manifestLimitBytes);
      if (readManifest(bytes, key).header.id !== id) continue;
    } catch (error) {
      if (!isHoldfastError(error) || !/^(?:OBJECT|FORMAT|STORE)_/.test(error.code)) throw error;
      continue;
    }
    if (request.apply) {
      const body = bytesOf(bytes);
      await provider.put({ kind: 'manifest', key, body, sizeBytes: bytes.length, createOnly: false, signal });
    }
    return copy.name;
  }
  return null;
}
