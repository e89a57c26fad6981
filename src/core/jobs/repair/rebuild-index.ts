/**
 * Makes the lost index of a full again from its segments, which hold all that a tar can.
 *
 * Only for fulls: the segments of other snapshots hold contents without directories, links and what did not change.
 * The new revision says in a warning what could not be known, and where segments are lost too, how much went with them.
 */

import { comparePaths } from '../../archive/entry.ts';
import { LinkPageWriter } from '../../archive/link-page-writer.ts';
import type { ObjectRef, Warning } from '../../archive/manifest.ts';
import { PageWriter } from '../../archive/pages.ts';
import { isHoldfastError } from '../../errors.ts';
import { IndexStream } from '../backup/index-stream.ts';
import { SnapshotWriter } from '../backup/snapshot-writer.ts';
import type { Snapshot } from '../catalog.ts';
import { openIndex } from '../index-reader.ts';
import { epochOf, publishRevision } from '../revision.ts';
import { namedBy, type SecondLook } from './look-again.ts';
import type { Unmendable } from './loss.ts';
import { nextNumber } from './next-number.ts';
import { readSegments } from './read-segments.ts';
import type { RepairedSnapshot, RepairRequest } from './types.ts';
import { lossBefore, unlistedOf, withLoss } from './unlisted.ts';

const warning: Warning = {
  code: 'index-rebuilt',
  component: 'account',
  message:
    'the index was lost and made again from the segments: sockets, inode numbers and times of metadata changes are not known',
};

/**
 * @param looked what became of that which an earlier repair said is lost; null where none did
 * @returns null where an index can be read, or cannot be made again
 */
export async function rebuildIndex(
  request: RepairRequest,
  snapshot: Snapshot,
  gone: Unmendable,
  looked: SecondLook | null,
): Promise<RepairedSnapshot | null> {
  const { provider, store, signer, trust, signal, apply } = request;
  const { header, body, name } = snapshot;
  const isBad = ({ key }: ObjectRef): boolean =>
    [gone, looked].some((one) => one?.missing.has(key) === true || one?.damaged.has(key) === true);
  const whole = looked?.whole ?? null;
  const revisions = whole === null ? [snapshot] : [snapshot, whole];
  // What was marked names those no more that were gone then.
  const all = namedBy(revisions.at(-1)!).filter(({ kind }) => kind === 'segment');
  const segments = all.filter((ref) => !isBad(ref)).sort((a, b) => (a.key < b.key ? -1 : 1));
  if (header.level !== 'full' || body.index === null || segments.length === 0) return null;
  const isHurt = segments.length < all.length || (whole === null && (body.lost?.count ?? 0) > 0);
  // Pages that are left know more than segments of which some are gone.
  for (const one of revisions) if (await isReadable(request, one, isHurt)) return null;

  const { server, owner } = header;
  const trees = body.components.flatMap((one) => (one.type === 'tree' ? [one] : []));
  const deviceOf = (tree: string): number => trees.find((one) => one.name === tree)?.device ?? 0;
  const readAll = () => readSegments(provider, segments, { server, owner, deviceOf }, signal);
  const hurt = isHurt ? await readAll() : null;
  const loss = hurt === null ? lossBefore(body) : unlistedOf(body, hurt);
  const found = {
    name,
    ...{ rebuilt: true, broughtBack: false, replaced: false },
    ...loss,
    pages: [],
  };
  if (!apply) return { ...found, published: false };

  const read = hurt ?? (await readAll());
  const epoch = await epochOf(provider, snapshot);
  const names = { server, owner, objectId: request.world.newObjectId(), epoch };
  const writer = new SnapshotWriter(names, provider, signal);
  const stream = new IndexStream(
    (queue) => writer.start('index', writer.indexKey(), queue),
    writer.publicKey,
  );
  const pages = new PageWriter();
  let tree = '';
  for (const entry of [...read.entries.values()].sort((a, b) => comparePaths(a.path, b.path))) {
    // As a capture cuts them: what is lost with a page is lost of one tree.
    const own = entry.path.toString('latin1').split('/', 1)[0]!;
    const before = own === tree && !pages.full ? null : pages.finish();
    if (before !== null) stream.addPage(before);
    tree = own;
    pages.add(entry);
  }
  const last = pages.finish();
  if (last !== null) stream.addPage(last);
  const linkPages = new LinkPageWriter();
  const byInode = [...read.links].sort((a, b) => a.device - b.device || (a.inode < b.inode ? -1 : 1));
  for (const record of byInode) {
    linkPages.add(record);
    if (linkPages.full) stream.addLinkPage(linkPages.finish()!);
  }
  const lastLinks = linkPages.finish();
  if (lastLinks !== null) stream.addLinkPage(lastLinks);
  // Of two revisions no number means two objects.
  const number = Math.max(...revisions.map((one) => nextNumber(one.header)));
  const objects = new Map(read.rows.map((row) => [row.number, row]));
  const { index, contentRoot } = stream.finish(trees, number, writer, { objects });
  await writer.settled();
  const marked = hurt === null ? { header: {}, body } : withLoss(body, loss);
  const { warnings, warningCounts } = body;
  const isKept = ({ kind, key }: ObjectRef): boolean =>
    kind !== 'index' && !(kind === 'segment' && gone.missing.has(key));
  const kept = header.objects.filter(isKept);
  const back = segments.filter(({ key }) => !kept.some((one) => one.key === key));
  const change = {
    header: { ...marked.header, objects: [...kept, ...back, ...writer.objects] },
    body: {
      ...marked.body,
      ...{ index, contentRoot },
      warnings: [...warnings, warning],
      warningCounts: { ...warningCounts, [warning.code]: (warningCounts[warning.code] ?? 0) + 1 },
    },
  };
  const { now } = request.world;
  const place = { store, provider, signer, epoch, trust, now, signal };
  const key = await publishRevision(place, snapshot, change);
  return { ...found, published: key !== null };
}

/** Its root and, but for `rootAlone`, all pages. */
async function isReadable(
  { provider, signal }: RepairRequest,
  snapshot: Snapshot,
  rootAlone: boolean,
): Promise<boolean> {
  try {
    const reader = await openIndex(provider, snapshot, signal);
    if (rootAlone) return true;
    for (const rows of [reader.root.pages, reader.root.linkPages])
      for await (const _ of reader.pages<(typeof rows)[number]>(rows));
    return true;
  } catch (error) {
    if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
    return false;
  }
}
