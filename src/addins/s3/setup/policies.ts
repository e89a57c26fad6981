/** Least-privilege policies of a bucket, as JSON to be attached to a user or role. Pure. */

import { keyClasses, prunedClasses, type StorePolicy, storeFiles } from '../../../core/index.ts';
import type { S3Settings } from '../settings.ts';

type Statement = Readonly<Record<string, unknown>>;

/** Stands where the UUID belongs while the server has none. */
const unknownServer = 'SERVER';

/** `server` is the UUID whose keys writer and pruner are limited to. */
export function policiesOf(settings: S3Settings, server: string | null): readonly StorePolicy[] {
  const bucket = `arn:${partitionOf(settings)}:s3:::${settings.bucket}`;
  const base = `${bucket}/${settings.prefix}`;
  const below = (classes: readonly string[]) =>
    classes.map((one) => `${base}${one}/${server ?? unknownServer}/*`);
  const puts = ['s3:PutObject', ...(Object.keys(settings.tags).length > 0 ? ['s3:PutObjectTagging'] : [])];
  const kms = kmsStatements(settings);
  const { days } = settings.objectLock ?? { days: {} };
  const locked = below(Object.keys(days));
  // On Ceph whoever has put an object may otherwise pass governance.
  const locks =
    locked.length === 0
      ? []
      : [
          allow(['s3:PutObjectRetention'], locked),
          { ...allow(['s3:BypassGovernanceRetention', 's3:PutObjectLegalHold'], locked), Effect: 'Deny' },
        ];
  const writes = allow([...puts, 's3:AbortMultipartUpload'], below(keyClasses));
  const reads: readonly Statement[] = [
    allow(
      [
        's3:GetObject',
        's3:GetObjectVersion',
        ...(settings.objectLock === undefined ? [] : ['s3:GetObjectRetention']),
      ],
      [`${base}*`],
    ),
    {
      ...allow(['s3:ListBucket', 's3:ListBucketVersions'], [bucket]),
      // Without IfExists an absent object is answered with 403 instead of 404.
      ...(settings.prefix === ''
        ? {}
        : { Condition: { StringLikeIfExists: { 's3:prefix': `${settings.prefix}*` } } }),
    },
    allow(
      [
        's3:GetBucketVersioning',
        's3:GetBucketObjectLockConfiguration',
        's3:GetLifecycleConfiguration',
        's3:GetBucketPublicAccessBlock',
        's3:ListBucketMultipartUploads',
      ],
      [bucket],
    ),
  ];
  const removes = [
    allow(['s3:DeleteObject', 's3:DeleteObjectVersion'], below(prunedClasses)),
    allow(puts, below(['events'])),
  ];
  return [
    policy('writer', 'what a server needs to back up, and no more: it reads and removes nothing', [
      writes,
      ...locks,
      ...kms,
    ]),
    policy('reader', 'for restores and verify; with the writer, everyday use of a server', [
      ...reads,
      ...kms,
    ]),
    policy('pruner', 'for prune; keep it off the server where you can', [...reads, ...removes, ...kms]),
    policy('first-backup', 'beside writer and reader, until the first backup has made the store', [
      allow(
        puts,
        storeFiles.map((name) => `${base}${name}`),
      ),
    ]),
  ];
}

function policy(
  role: StorePolicy['role'],
  description: string,
  Statement: readonly Statement[],
): StorePolicy {
  return { role, description, document: { Version: '2012-10-17', Statement } };
}

const allow = (Action: readonly string[], Resource: readonly string[]): Statement => ({
  Effect: 'Allow',
  Action,
  Resource,
});

/** Only a key given by its ARN can be named in a policy. */
function kmsStatements({ kmsKeyId }: S3Settings): readonly Statement[] {
  if (kmsKeyId === undefined || !kmsKeyId.startsWith('arn:')) return [];
  return [allow(['kms:GenerateDataKey', 'kms:Decrypt'], [kmsKeyId])];
}

function partitionOf({ endpoint, region }: S3Settings): string {
  if (/\.amazonaws\.com\.cn/.test(endpoint ?? '') || region?.startsWith('cn-') === true) return 'aws-cn';
  return region?.startsWith('us-gov-') === true ? 'aws-us-gov' : 'aws';
}
