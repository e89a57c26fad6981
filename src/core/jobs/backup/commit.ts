/** The last put of a snapshot: from then on it exists. */

import { manifestKey } from '../../archive/keys.ts';
import { encodeManifest, type Manifest } from '../../archive/manifest.ts';
import type { Signer } from '../../archive/seal.ts';
import { bytesOf } from '../../streams.ts';
import type { Snapshot } from '../catalog.ts';
import type { SnapshotWriter } from './snapshot-writer.ts';

/** @throws STORE_UNAVAILABLE, STORE_FULL, STORE_DENIED nothing was committed */
export async function commit(
  writer: SnapshotWriter,
  manifest: Manifest,
  signer: Signer,
  atMs: number,
): Promise<Snapshot> {
  const { header, body } = manifest;
  const { server, owner, sequence, level, state, id } = header;
  const key = manifestKey({ server, owner, sequence, atMs, level, state, id, revision: 0 });
  const bytes = encodeManifest(manifest, signer, writer.publicKey);
  await writer.put('manifest', key, bytesOf(bytes), bytes.length);
  const utc = /-(\d{8}T\d{6}Z)-/.exec(key)![1];
  return { ...manifest, signedBy: signer.publicKey, key, name: `${body.account.site}-${utc}-${id}` };
}
