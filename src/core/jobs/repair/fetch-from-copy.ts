/**
 * Takes damaged objects and manifests from a copy of the store, which has them byte for byte under the same
 * keys. What comes from a copy is checked before anything in the main store is touched.
 */

import { manifestLimitBytes, type ObjectRef, readManifest } from '../../archive/manifest.ts';
import type { ObjectKind } from '../../contracts/provider.ts';
import { bytesOf, collect } from '../../streams.ts';
import type { ListedSnapshot } from '../catalog.ts';
import { CheckedBody } from '../copy/checked-body.ts';
import type { CopiesAsked } from './copies-asked.ts';
import type { RepairCopy, RepairRequest } from './types.ts';

/** Name of the copy that has it whole, and by `apply` gave it back; null where none is known to. */
export async function fetchObject(
  request: RepairRequest,
  copies: CopiesAsked,
  ref: ObjectRef,
): Promise<string | null> {
  const found = await copies.first(async (copy) => ((await isWhole(request, copy, ref)) ? true : null));
  if (found !== null && request.apply) await putBack(request, found.copy, ref);
  return found?.copy.name ?? null;
}

/** @throws whatever keeps it from being known, and that of a damaged one */
async function isWhole({ signal }: RepairRequest, copy: RepairCopy, ref: ObjectRef): Promise<boolean> {
  const info = await copy.store.head({ key: ref.key, signal });
  if (info?.sizeBytes !== ref.size) return false;
  for await (const _ of new CheckedBody(copy.provider.get({ key: ref.key, signal }), ref));
  return true;
}

/** In the place of what is there: removed first, it would be gone where this breaks off. */
async function putBack({ provider, signal }: RepairRequest, copy: RepairCopy, ref: ObjectRef): Promise<void> {
  const { key, size, kind } = ref;
  const body = new CheckedBody(copy.provider.get({ key, signal }), ref);
  const asKind: ObjectKind = kind === 'beside' ? 'export' : kind;
  await provider.put({ kind: asKind, key, body, sizeBytes: size, createOnly: false, signal });
}

/** As `fetchObject`, for a manifest: its seal says whether it is whole. */
export async function fetchManifest(
  request: RepairRequest,
  copies: CopiesAsked,
  { key, id }: ListedSnapshot,
): Promise<string | null> {
  const { provider, signal } = request;
  const found = await copies.first(async (copy) => {
    const bytes = await collect(copy.provider.get({ key, signal }), manifestLimitBytes);
    return readManifest(bytes, key).header.id === id ? bytes : null;
  });
  if (found !== null && request.apply) {
    const { value } = found;
    const body = bytesOf(value);
    await provider.put({ kind: 'manifest', key, body, sizeBytes: value.length, createOnly: false, signal });
  }
  return found?.copy.name ?? null;
}
