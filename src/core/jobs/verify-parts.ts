/**
 * The parts of one snapshot: the objects its manifest names, its trees and, with `readData`, its exports.
 *
 * Whatever is wrong with one of them is a problem, and the others are looked at all the same.
 */

import { contentRoot } from '../archive/root.ts';
import { HoldfastError } from '../errors.ts';
import { shown } from '../filesystem/path-text.ts';
import { displayName } from '../filesystem/xattrs.ts';
import type { AnySnapshot, Snapshot } from './catalog.ts';
import { openIndex } from './index-reader.ts';
import { type ContentsRequest, verifyContents } from './verify-contents.ts';
import {
  askSizes,
  checkBytes,
  checkExport,
  checkSize,
  componentOf,
  indexKeyOf,
  type ObjectCheck,
} from './verify-objects.ts';
import { checkPages, type PathProblem } from './verify-pages.ts';
import type { Problems } from './verify-problems.ts';

interface PartsRequest extends ObjectCheck, ContentsRequest {
  readonly readData: boolean;
}

/** By the number of the object. */
export interface LostObjects {
  /** What is missing is told once: reading it again would find the same. */
  readonly gone: ReadonlySet<number>;
  /** Nothing they hold can be read; why, for each path. */
  readonly lost: ReadonlyMap<number, string>;
}

/** Their sizes and, with `readData`, their bytes as stored. */
export async function verifyObjects(
  request: PartsRequest,
  snapshot: AnySnapshot,
  problems: Problems,
): Promise<LostObjects> {
  const { header } = snapshot;
  const gone = new Set<number>();
  const lost = new Map<number, string>();
  const objects = [...header.objects, ...header.references];
  await askSizes(request, objects);
  for (const object of objects) {
    const about = { object: object.key, component: componentOf(snapshot, object) };
    const wrong = await problems.attempt(() => checkSize(request, object), about, { isStored: true });
    if (wrong === 'OBJECT_MISSING') gone.add(object.number);
    // Of one that is there in another size, --read-data tells which parts can still be read.
    if (wrong === 'OBJECT_MISSING' || (wrong !== null && !request.readData))
      lost.set(object.number, `its content lies in ${object.key}, which is damaged or missing`);
    if (wrong === null && request.readData)
      await problems.attempt(() => checkBytes(request, object), about, { isStored: true });
  }
  return { gone, lost };
}

/** The index against the manifest, every page of it and, with `readData`, every content. */
export async function verifyTrees(
  request: PartsRequest,
  snapshot: Snapshot,
  { gone, lost }: LostObjects,
  problems: Problems,
): Promise<void> {
  const { body } = snapshot;
  const failed = toldOnce(snapshot, problems);
  const verifyIndex = async (): Promise<void> => {
    const reader = await openIndex(request.provider, snapshot, request.signal);
    if (body.contentRoot !== null && contentRoot(reader.root).toString('hex') !== body.contentRoot) {
      throw new HoldfastError('OBJECT_DAMAGED', 'the index is not the one the manifest was sealed with');
    }
    const used = await checkPages(reader, lost, failed);
    if (!request.readData) return;
    await verifyContents(request, reader, request.checked.pages(reader.root.objects, used), failed);
  };
  const isGone = body.index !== null && gone.has(body.index.object);
  if (!isGone && (await problems.attempt(verifyIndex, { object: indexKeyOf(snapshot) })) === null) return;
  for (const { type, name: component, state } of body.components) {
    if (type === 'tree' && state === 'complete')
      problems.add({ component, message: 'its index cannot be read' });
  }
}

/** Each path once. What repair has marked is known, and no problem of this day. */
function toldOnce({ body }: Snapshot, problems: Problems): PathProblem {
  const known = new Set(body.lost?.paths);
  return (path, message) => {
    const name = displayName(path);
    if (known.has(name)) return;
    known.add(name);
    problems.addPath({ component: treeOf(path), path: shown(path), message });
  };
}

const treeOf = (path: Buffer): string => path.toString('latin1').split('/', 1)[0]!;

/** What they hold, as far as it is there. */
export async function verifyExports(
  request: PartsRequest,
  snapshot: Snapshot,
  { gone }: LostObjects,
  problems: Problems,
): Promise<void> {
  for (const component of snapshot.body.components) {
    if (component.type !== 'database' || component.state !== 'complete') continue;
    const parts = [component.object, ...component.besides.map(({ object }) => object)];
    if (parts.some((part) => part !== null && gone.has(part))) continue;
    await problems.attempt(() => checkExport(request, snapshot, component), { component: component.name });
  }
}
