/**
 * Makes the lost index of a full again from its segments, which hold all that a tar can.
 *
 * Only for fulls whose segments are all whole: those of other snapshots hold contents without directories,
 * links and what did not change. The new revision says in a warning what could not be known.
 */

import { comparePaths } from '../../archive/entry.ts';
import type { ManifestBody, Warning } from '../../archive/manifest.ts';
import { LinkPageWriter, PageWriter } from '../../archive/pages.ts';
import { isHoldfastError } from '../../errors.ts';
import { IndexStream } from '../backup/index-stream.ts';
import { SnapshotWriter } from '../backup/snapshot-writer.ts';
import type { Snapshot } from '../catalog.ts';
import { openIndex } from '../index-reader.ts';
import { epochOf, publishRevision } from '../revision.ts';
import type { Unmendable } from './loss.ts';
import { nextNumber } from './next-number.ts';
import { readSegments } from './read-segments.ts';
import type { RepairedSnapshot, RepairRequest } from './types.ts';

const warning: Warning = {
  code: 'index-rebuilt',
  component: 'account',
  message:
    'the index was lost and made again from the segments: sockets, inode numbers and times of metadata changes are not known',
};

/** Null where the index can be read, or cannot be made again. */
export async function rebuildIndex(
  request: RepairRequest,
  snapshot: Snapshot,
  { missing, damaged }: Unmendable,
): Promise<RepairedSnapshot | null> {
  const { provider, store, signer, trust, signal, apply } = request;
  const { header, body, name } = snapshot;
  const segments = header.objects.filter(({ kind }) => kind === 'segment');
  const isBad = (key: string): boolean => missing.has(key) || damaged.has(key);
  if (header.level !== 'full' || body.index === null || segments.length === 0) return null;
  if (segments.some(({ key }) => isBad(key)) || !(await isUnreadable(request, snapshot))) return null;
  const found = {
    name,
    rebuilt: true,
    broughtBack: false,
    replaced: false,
    // What was lost with a segment before is not in those that are left.
    components: body.lost === undefined ? [] : failedIn(body),
    lostPaths: body.lost?.count ?? 0,
    paths: body.lost?.paths ?? [],
    pages: [],
  };
  if (!apply) return { ...found, published: false };

  const trees = body.components.flatMap((one) => (one.type === 'tree' ? [one] : []));
  const { server, owner } = header;
  const deviceOf = (tree: string): number => trees.find((one) => one.name === tree)?.device ?? 0;
  const ordered = [...segments].sort((a, b) => (a.key < b.key ? -1 : 1));
  const read = await readSegments(provider, ordered, { server, owner, deviceOf }, signal);
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
  const number = nextNumber(header);
  const objects = new Map(read.rows.map((row) => [row.number, row]));
  const { index, contentRoot } = stream.finish(trees, number, writer, { objects });
  await writer.settled();
  const { warnings, warningCounts } = body;
  const change = {
    header: { objects: [...header.objects.filter(({ kind }) => kind !== 'index'), ...writer.objects] },
    body: {
      ...body,
      ...{ index, contentRoot },
      warnings: [...warnings, warning],
      warningCounts: { ...warningCounts, [warning.code]: (warningCounts[warning.code] ?? 0) + 1 },
    },
  };
  const place = { store, provider, signer, epoch, trust, signal };
  const key = await publishRevision(place, snapshot, change);
  return { ...found, published: key !== null };
}

const failedIn = ({ components }: ManifestBody): string[] =>
  components.filter(({ state }) => state === 'failed').map(({ name }) => name);

/** The root or one of the pages. */
async function isUnreadable({ provider, signal }: RepairRequest, snapshot: Snapshot): Promise<boolean> {
  try {
    const reader = await openIndex(provider, snapshot, signal);
    for (const rows of [reader.root.pages, reader.root.linkPages])
      for await (const _ of reader.pages<(typeof rows)[number]>(rows));
    return false;
  } catch (error) {
    if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
    return true;
  }
}
