/** Names the S3 operation of an HTTP request, path style. */

import type { IncomingHttpHeaders } from 'node:http';

export type Operation =
  | 'PutObject'
  | 'CopyObject'
  | 'UploadPart'
  | 'CreateMultipartUpload'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListMultipartUploads'
  | 'ListParts'
  | 'GetObject'
  | 'HeadObject'
  | 'HeadBucket'
  | 'DeleteObject'
  | 'DeleteObjects'
  | 'ListObjectsV2'
  | 'ListObjectVersions'
  | 'ListBuckets'
  | 'CreateBucket'
  | 'GetBucketSetting'
  | 'PutBucketSetting'
  | 'Other';

const readings = new Set<Operation>([
  'ListMultipartUploads',
  'ListParts',
  'GetObject',
  'HeadObject',
  'HeadBucket',
  'ListObjectsV2',
  'ListObjectVersions',
  'ListBuckets',
  'GetBucketSetting',
  'Other',
]);

export function writes(operation: Operation): boolean {
  return !readings.has(operation);
}

/** The key, decoded; empty for requests about a bucket or the service. */
export function keyOf(path: string): string {
  const [, key] = /^\/[^/?]+\/([^?]*)/.exec(path) ?? [];
  return decodeURIComponent(key ?? '');
}

export function operationOf(method: string, path: string, headers: IncomingHttpHeaders): Operation {
  const url = new URL(path, 'http://host');
  const has = (name: string) => url.searchParams.has(name);
  if (url.pathname === '/') return 'ListBuckets';
  if (keyOf(path) === '') {
    if (method === 'HEAD') return 'HeadBucket';
    if (method === 'POST' && has('delete')) return 'DeleteObjects';
    if (method === 'GET' && has('uploads')) return 'ListMultipartUploads';
    if (method === 'GET' && has('versions')) return 'ListObjectVersions';
    if (method === 'GET' && has('list-type')) return 'ListObjectsV2';
    if (method === 'GET') return 'GetBucketSetting';
    if (method === 'PUT') return url.search === '' ? 'CreateBucket' : 'PutBucketSetting';
    return 'Other';
  }
  if (method === 'PUT' && has('uploadId')) return 'UploadPart';
  if (method === 'PUT') return headers['x-amz-copy-source'] === undefined ? 'PutObject' : 'CopyObject';
  if (method === 'POST') return has('uploads') ? 'CreateMultipartUpload' : 'CompleteMultipartUpload';
  if (method === 'DELETE') return has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject';
  if (method === 'HEAD') return 'HeadObject';
  return has('uploadId') ? 'ListParts' : 'GetObject';
}
