/**
 * What the segments of a full say of its trees: entries as an index has them, made from the members of a tar.
 *
 * A tar gives names, contents, owners, modes, times of change, xattrs and links. It does not give sockets,
 * inode numbers, the times at which metadata changed, or that contents were left out on purpose.
 */

import { openHeader, payloadStart } from '../../age/header.ts';
import { type Content, type Entry, entryFlags, fileType, type LinkRecord } from '../../archive/entry.ts';
import { decompressFrame, wholeFrames } from '../../archive/frame-splitter.ts';
import type { ObjectRef } from '../../archive/manifest.ts';
import { type ObjectRow, objectKinds } from '../../archive/root.ts';
import { type ReadMember, readTar } from '../../archive/tar-reader.ts';
import { type KeyedProvider, streamPayload } from '../../encryption/keyed-provider.ts';
import { collect } from '../../streams.ts';

export interface ReadTrees {
  /** By path as latin1. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly links: readonly LinkRecord[];
  /** Names of linked files whose contents and attributes stand under another name, which no segment has. */
  readonly lonely: readonly Buffer[];
  readonly rows: readonly ObjectRow[];
}

const typeOfMember: Readonly<Record<string, number>> = {
  '0': fileType.regular,
  '2': fileType.link,
  '3': fileType.character,
  '4': fileType.block,
  '5': fileType.directory,
  '6': fileType.fifo,
};

interface Place {
  readonly server: string;
  readonly owner: string;
  /** Device number of a tree. */
  readonly deviceOf: (tree: string) => number;
}

/** @throws OBJECT_DAMAGED, OBJECT_MISSING, IDENTITY_MISSING */
export async function readSegments(
  provider: KeyedProvider,
  segments: readonly ObjectRef[],
  place: Place,
  signal: AbortSignal,
): Promise<ReadTrees> {
  const entries = new Map<string, Entry>();
  const links = new Map<string, LinkRecord>();
  const lonely: Buffer[] = [];
  const rows: ObjectRow[] = [];
  let inode = 0n;
  for (const ref of segments) {
    const frames: { compressed: number; plain: number }[] = [];
    const what = `object ${ref.key}`;
    const plain = async function* (): AsyncGenerator<Buffer> {
      for await (const frame of wholeFrames(streamPayload(provider, ref, signal), what)) {
        const bytes = decompressFrame(frame, what);
        frames.push({ compressed: frame.length, plain: bytes.length });
        yield bytes;
      }
    };
    for await (const member of readTar(plain(), what)) {
      const path = member.path.toString('latin1');
      if (member.type !== '1') {
        entries.set(path, entryOf(member, ref.number, ++inode));
        continue;
      }
      const first = entries.get(member.linkPath.toString('latin1'));
      if (first === undefined) {
        lonely.push(member.path);
        continue;
      }
      const linked = { ...first, flags: first.flags | entryFlags.linked, content: null };
      entries.set(first.path.toString('latin1'), linked);
      entries.set(path, { ...linked, path: member.path });
      if (first.content !== null) {
        const device = place.deviceOf(first.path.toString('latin1').split('/', 1)[0]!);
        links.set(`${first.inode}`, { device, inode: first.inode, path: first.path, content: first.content });
      }
    }
    rows.push({
      number: ref.number,
      key: ref.key,
      kind: objectKinds.segment,
      storedBytes: ref.size,
      sha256: Buffer.from(ref.sha256, 'hex'),
      frames,
      ...(await sealOf(provider, ref, place, signal)),
    });
  }
  return { entries, links: [...links.values()], lonely, rows };
}

function entryOf(member: ReadMember, object: number, inode: bigint): Entry {
  const { path, flags, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, rdevMajor, rdevMinor } =
    member;
  const type = typeOfMember[member.type] ?? fileType.regular;
  const { size, sha256 } = member;
  const content: Content = { size, sha256, extents: member.extents.map((one) => ({ ...one, object })) };
  return {
    ...{ path, flags },
    mode: type | mode,
    ...{ uid, gid, mtimeSeconds, mtimeNanoseconds },
    ctimeSeconds: 0,
    ctimeNanoseconds: 0,
    inode,
    xattrs,
    content: type === fileType.regular ? content : null,
    target: type === fileType.link ? member.linkPath : null,
    ...{ rdevMajor, rdevMinor },
  };
}

async function sealOf(
  provider: KeyedProvider,
  { key, epoch }: ObjectRef,
  { server, owner }: Place,
  signal: AbortSignal,
): Promise<Pick<ObjectRow, 'seal'>> {
  if (epoch === undefined) return {};
  const range = { offset: 0, length: payloadStart };
  const header = await collect(provider.get({ key, range, signal }), payloadStart);
  for (const pair of (await provider.keys?.pairs({ server, owner, epoch })) ?? []) {
    const opened = openHeader(header, pair);
    if (opened.result === 'open') return { seal: { epoch, sealed: opened.sealed } };
  }
  return {};
}
