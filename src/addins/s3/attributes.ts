/** What a write says about an object beside its bytes: class, tags, encryption, checksum, write id. */

import { hash } from 'node:crypto';
import type { PutRequest } from '../../core/index.ts';
import { writeIdName } from './metadata.ts';
import type { S3Settings } from './settings.ts';

/** The same for both ways of writing. */
export function attributes(settings: S3Settings, request: PutRequest, writeId: string | null) {
  const storageClass = request.storageClass ?? settings.storageClass;
  // Not as a form: some services keep its `+` for a space.
  const tags = Object.entries(settings.tags)
    .map((pair) => pair.map(encodeURIComponent).join('='))
    .join('&');
  return {
    ContentType: 'application/octet-stream',
    // The SDK lists the classes of AWS only.
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as 'STANDARD' }),
    ...(tags === '' ? {} : { Tagging: tags }),
    ...(settings.encryption === undefined ? {} : { ServerSideEncryption: settings.encryption }),
    ...(settings.kmsKeyId === undefined ? {} : { SSEKMSKeyId: settings.kmsKeyId }),
    ...(writeId === null ? {} : { Metadata: { [writeIdName]: writeId } }),
  };
}

/** The checksum header, where the settings ask for one that has to be given with the command. */
export function checksumOf(settings: S3Settings, body: Uint8Array): { ChecksumSHA256?: string } {
  if (settings.checksum !== 'sha256') return {};
  return { ChecksumSHA256: hash('sha256', body, 'base64') };
}
