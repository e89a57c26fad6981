/** The exports of a snapshot and what lies beside them, as the files they become when restored. */

import type { Snapshot } from '../core/jobs/catalog.ts';
import { databaseFiles } from '../core/jobs/restore/restore-databases.ts';
import type { EntryDocument } from './documents/entry.ts';
import { instantText } from './format.ts';
import type { Output } from './output.ts';

/** No tree has that name. */
export const isOfExports = (path: Buffer): boolean => /^databases(?:\/|$)/.test(path.toString('latin1'));

/** Those at or below a path, in the order of the snapshot; all without one. */
export function describeExports(snapshot: Snapshot, path = ''): EntryDocument[] {
  const wanted = databaseFiles(snapshot, null).filter(
    (file) => path === '' || file.path === path || file.path.startsWith(`${path}/`),
  );
  return wanted.map(({ component: { instant }, path: name, plainBytes, sha256 }) => {
    const at = instant === null ? 0 : Date.parse(instant);
    return {
      path: name,
      pathEncoding: null,
      type: 'database',
      mode: null,
      uid: null,
      gid: null,
      size: plainBytes,
      modifiedAt: instant,
      mtimeSeconds: Math.floor(at / 1000),
      mtimeNanoseconds: (at % 1000) * 1e6,
      target: null,
      sha256,
      linked: false,
      changed: false,
      xattrs: [],
      flags: [],
    };
  });
}

export function showExports(output: Output, items: readonly EntryDocument[]): void {
  for (const item of items) {
    const time = item.modifiedAt === null ? '-' : instantText(item.modifiedAt).slice(0, 16);
    output.line(`${'database'.padEnd(25)} ${String(item.size).padStart(12)} ${time} ${item.path}`);
    output.record<EntryDocument>(item);
  }
}
