/**
 * Takes damaged objects and manifests from a copy of the store, which has them byte for byte under the same
 * keys, or takes those of a copy from the main store. What comes is checked before anything is touched.
 */

import { manifestLimitBytes, type ObjectRef } from '../../archive/manifest.ts';
import type { ObjectKind } from '../../contracts/provider.ts';
import { bytesOf, collect } from '../../streams.ts';
import { type ListedSnapshot, manifestOf } from '../catalog.ts';
import { CheckedBody } from '../copy/checked-body.ts';
import { standingOf } from '../trust.ts';
import type { CopiesAsked } from './copies-asked.ts';
import type { RepairCopy, RepairRequest } from './types.ts';

/** Name of the copy that has it whole, and by `apply` gave it back; null where none is known to. */
export async function fetchObject(
  request: RepairRequest,
  copies: CopiesAsked,
  ref: ObjectRef,
): Promise<string | null> {
  const copy = await findObject(request, copies, ref);
  if (copy !== null && request.apply) await putBack(request, copy, ref);
  else if (copy !== null) copies.planned.take(ref.key, copy);
  return copy?.name ?? null;
}

/** The copy that has it whole. Changes nothing. */
export async function findObject(
  request: RepairRequest,
  copies: CopiesAsked,
  ref: ObjectRef,
): Promise<RepairCopy | null> {
  // Whoever can write manifests must not have anything but contents replaced.
  if (!/^(?:data|index)\//.test(ref.key)) return null;
  const found = await copies.first(async (copy) => ((await isWhole(request, copy, ref)) ? true : null));
  return found?.copy ?? null;
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

/**
 * As `fetchObject`, for a manifest: its seal says whether it is whole, its signature whether it is ours.
 *
 * @param digest that it must have; left out: any
 */
export async function fetchManifest(
  request: RepairRequest,
  copies: CopiesAsked,
  listed: ListedSnapshot,
  digest?: string,
): Promise<string | null> {
  const { provider, trust, signal } = request;
  const { key } = listed;
  const found = await copies.first(async (copy) => {
    const bytes = await collect(copy.provider.get({ key, signal }), manifestLimitBytes);
    const manifest = manifestOf(bytes, listed, trust);
    if (digest !== undefined && manifest.header.digest !== digest) return null;
    return trust === undefined || standingOf(manifest, trust) === 'trusted' ? bytes : null;
  });
  if (found !== null && request.apply) {
    const { value } = found;
    const body = bytesOf(value);
    await provider.put({ kind: 'manifest', key, body, sizeBytes: value.length, createOnly: false, signal });
  } else if (found !== null) copies.planned.take(key, found.copy);
  return found?.copy.name ?? null;
}
