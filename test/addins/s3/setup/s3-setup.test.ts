import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  type LifecycleRule,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { s3Store } from '../../../../src/addins/s3/index.ts';
import type {
  ProbeRequest,
  SetupFinding,
  StorePolicy,
  StoreSetup,
  TryOut,
} from '../../../../src/core/index.ts';
import { type S3Server, startS3 } from '../../../support/s3.ts';
import { adminClient, newBucket, openStore, put } from '../bench-of-store.ts';

const serverId = '4c876bb4-f047-4765-a432-db9ca5dcc2b9';
const otherId = '00000000-0000-4000-8000-000000000001';
const signal = new AbortController().signal;

let server: S3Server;
let client: S3Client;
beforeAll(async () => {
  server = await startS3();
  client = adminClient(server);
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});

let probes = 0;
function request(changed: Partial<ProbeRequest> = {}): ProbeRequest {
  probes += 1;
  const probe = `00000000-0000-4000-9000-${String(probes).padStart(12, '0')}`;
  return { server: serverId, keepDays: 30, prunes: true, nowMs: 0, signal, probe, ...changed };
}

async function withSetup<T>(
  bucket: string,
  work: (setup: StoreSetup) => Promise<T>,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<T> {
  const setup = await s3Store.setup!({
    use: 's3',
    endpoint: server.endpoint,
    bucket,
    prefix: 'fleet/',
    accessKeyId: server.accessKey,
    secretAccessKey: server.secretKey,
    maxAttempts: 2,
    retryDelayMs: 5,
    ...settings,
  });
  try {
    return await work(setup);
  } finally {
    await setup.close();
  }
}

/** `name state`, each once. */
const brief = (all: readonly { readonly name: string; readonly state: string }[]): string[] => [
  ...new Set(all.map(({ name, state }) => `${name} ${state}`)),
];

const allVersions = async (Bucket: string): Promise<string[]> => {
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }));
  return [...Versions, ...DeleteMarkers].map(({ Key = '' }) => Key);
};

const putRules = (Bucket: string, Rules: LifecycleRule[]) =>
  client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));

describe('apply', () => {
  it('creates a bucket with all that protects backups, and changes nothing the second time', async () => {
    const bucket = 'made-by-apply';
    const before = await withSetup(bucket, (setup) => setup.inspect(request()));
    expect(before).toMatchObject([{ name: 'bucket', state: 'error', mendable: true }]);

    const first = await withSetup(bucket, (setup) => setup.apply(request()));
    expect(brief(first)).toEqual([
      'bucket done',
      'versions done',
      'lifecycle done',
      // Ceph refuses every put under the block.
      'public access taken-back',
    ]);
    const where = { Bucket: bucket };
    const { Status } = await client.send(new GetBucketVersioningCommand(where));
    const { Rules } = await client.send(new GetBucketLifecycleConfigurationCommand(where));
    const { PublicAccessBlockConfiguration } = await client.send(new GetPublicAccessBlockCommand(where));
    expect(Status).toBe('Enabled');
    expect(Rules).toMatchObject([
      { Filter: { Prefix: 'fleet/' }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
    ]);
    expect(Object.values(PublicAccessBlockConfiguration ?? {})).toEqual([false, false, false, false]);

    const second = await withSetup(bucket, (setup) => setup.apply(request()));
    expect(brief(second)).toEqual([
      'bucket present',
      'versions present',
      'lifecycle present',
      'public access taken-back',
    ]);
    const after = await withSetup(bucket, (setup) => setup.inspect(request()));
    expect(after.filter(({ state }) => state === 'warning' || state === 'error')).toEqual([]);
    expect(await allVersions(bucket)).toEqual([]);
  });

  it('keeps the rules of others, in whatever way the service tells them', async () => {
    const bucket = await newBucket(server);
    const theirs: LifecycleRule[] = [
      { ID: 'old', Status: 'Enabled', Prefix: 'logs/', Expiration: { Days: 9 } },
      {
        ID: 'tagged',
        Status: 'Disabled',
        Filter: { And: { Prefix: 'tmp/', Tags: [{ Key: 'a', Value: 'b' }] } },
        NoncurrentVersionExpiration: { NoncurrentDays: 3 },
      },
    ];
    await putRules(bucket, theirs);
    const told = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }));
    const actions = await withSetup(bucket, (setup) => setup.apply(request()));
    const { Rules = [] } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }));

    expect(brief(actions)).toContain('lifecycle done');
    expect(Rules).toHaveLength(3);
    expect(Rules).toEqual(expect.arrayContaining(told.Rules ?? []));
  });

  it('puts back the block of public access that there was before', async () => {
    const bucket = await newBucket(server);
    const before = {
      BlockPublicAcls: false,
      IgnorePublicAcls: true,
      BlockPublicPolicy: false,
      RestrictPublicBuckets: true,
    };
    const where = { Bucket: bucket };
    await client.send(new PutPublicAccessBlockCommand({ ...where, PublicAccessBlockConfiguration: before }));
    const actions = await withSetup(bucket, (setup) => setup.apply(request()));
    const { PublicAccessBlockConfiguration } = await client.send(new GetPublicAccessBlockCommand(where));

    expect(brief(actions)).toContain('public access taken-back');
    expect(PublicAccessBlockConfiguration).toEqual(before);
  });

  it('puts nothing into a bucket that locks what is put', async () => {
    const bucket = 'locked-bucket';
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
    const Rule = { DefaultRetention: { Mode: 'GOVERNANCE', Days: 3 } } as const;
    const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled', Rule } as const;
    await client.send(new PutObjectLockConfigurationCommand({ Bucket: bucket, ObjectLockConfiguration }));
    const actions = await withSetup(bucket, (setup) => setup.apply(request()));
    const found = await withSetup(bucket, (setup) => setup.inspect(request()));
    const { rights } = await withSetup(bucket, (setup) => setup.tryOut(request()));

    expect(brief(actions)).toEqual([
      'bucket present',
      'versions present',
      'lifecycle done',
      'public access taken-back',
    ]);
    expect(found.find(({ name }) => name === 'object lock')?.detail).toContain('locked for 3 days');
    expect(rights.find(({ name }) => name === 'read objects')?.allowed).toBe('unknown');
    expect(await allVersions(bucket)).toEqual([]);
  });

  it('says what it may not do, and does nothing', async () => {
    const bucket = await newBucket(server);
    await newUser('stranger');
    const actions = await withSetup(bucket, (setup) => setup.apply(request()), credentials('stranger'));

    expect(actions).toMatchObject([{ name: 'bucket', state: 'failed' }]);
  });
});

describe('inspect', () => {
  it('changes nothing', async () => {
    const bucket = await newBucket(server);
    const found = await withSetup(bucket, (setup) => setup.inspect(request()));

    expect(brief(found)).toEqual([
      'bucket ok',
      'versions warning',
      'lifecycle warning',
      'public access note',
      'object lock ok',
    ]);
    const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }));
    expect(Status).toBe(undefined);
    await expect(
      client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket })),
    ).rejects.toMatchObject({ name: 'NoSuchLifecycleConfiguration' });
  });

  it('finds planted rules that would cost backups', async () => {
    const bucket = await newBucket(server);
    const Status = 'Enabled' as const;
    await putRules(bucket, [
      { ID: 'manifests', Status, Filter: { Prefix: 'fleet/manifests/' }, Expiration: { Days: 10 } },
      { ID: 'data', Status, Filter: { Prefix: 'fleet/data/' }, Expiration: { Days: 20 } },
      { ID: 'part', Status, Filter: { Prefix: `fleet/data/${serverId}/` }, Expiration: { Days: 5 } },
      {
        ID: 'cold',
        Status,
        Filter: { Prefix: 'fleet/index/' },
        Transitions: [{ Days: 1, StorageClass: 'GLACIER' }],
      },
      { ID: 'keys', Status, Filter: { Prefix: 'fleet/keys/' }, Expiration: { Date: new Date('2030-01-01') } },
      { ID: 'file', Status, Filter: { Prefix: 'fleet/holdfast' }, Expiration: { Days: 1000 } },
    ]);
    const found = await withSetup(bucket, (setup) => setup.inspect(request()));
    const lines = found.filter(({ name }) => name === 'lifecycle');
    const saying = (text: string): SetupFinding['state'] | undefined =>
      lines.find(({ detail }) => detail.includes(text))?.state;

    expect(saying('rule manifests removes manifests after 10 days')).toBe('error');
    expect(saying('rules data, part remove data after 5 days')).toBe('error');
    expect(saying('data goes after 5 days and manifests stay until 10 days')).toBe('error');
    expect(saying('rules data and part both expire')).toBe('warning');
    expect(saying('rule cold moves index to GLACIER')).toBe('error');
    expect(saying('rule keys removes the keys of accounts after 0 days')).toBe('error');
    expect(saying('rule file removes holdfast.json after 1000 days')).toBe('error');
    expect(saying('no rule aborts unfinished uploads')).toBe('warning');
    expect(lines.every(({ state, code }) => (code === 'STORE_UNSOUND') === (state === 'error'))).toBe(true);
  });

  it('tells wrong keys from missing rights', async () => {
    const bucket = await newBucket(server);
    const wrong = { accessKeyId: 'nobody', secretAccessKey: 'nothing' };

    await expect(withSetup(bucket, (setup) => setup.inspect(request()), wrong)).rejects.toMatchObject({
      code: 'STORE_DENIED',
      message: expect.stringContaining('does not accept the keys'),
    });
  });
});

const credentials = (name: string) => ({ accessKeyId: `${name}-key`, secretAccessKey: `${name}-secret` });

function newUser(name: string): Promise<string> {
  const { accessKeyId, secretAccessKey } = credentials(name);
  const keys = [`--access-key=${accessKeyId}`, `--secret-key=${secretAccessKey}`];
  return server.admin('user', 'create', `--uid=${name}`, `--display-name=${name}`, ...keys);
}

/** Gives a user exactly what the printed policies say, by the bucket's policy. */
async function grant(Bucket: string, name: string, policies: readonly StorePolicy[]): Promise<void> {
  const Statement = policies.flatMap(({ document }) =>
    (document['Statement'] as object[]).map((one) => ({
      ...one,
      Principal: { AWS: [`arn:aws:iam:::user/${name}`] },
    })),
  );
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
}

const allowed = ({ rights }: TryOut, of: RegExp): string[] => [
  ...new Set(rights.filter(({ name }) => of.test(name)).map((right) => right.allowed)),
];

describe.each([
  { kind: 'a plain bucket', versions: false },
  { kind: 'a bucket with versions', versions: true },
])('the printed policies on $kind', ({ kind, versions }) => {
  const user = (role: string): string => `${role}-${versions ? 'versions' : 'plain'}`;

  async function tryAs(
    roles: readonly StorePolicy['role'][],
    settings = {},
  ): Promise<TryOut & { left: string[] }> {
    const bucket = await newBucket(server, { versions });
    const policies = await withSetup(bucket, async (setup) => setup.policies(request()));
    const name = user(roles.join('-'));
    await newUser(name);
    await grant(
      bucket,
      name,
      policies.filter(({ role }) => roles.includes(role)),
    );
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'fleet/holdfast.json', Body: '{}' }));
    const tried = await withSetup(bucket, (setup) => setup.tryOut(request()), {
      ...credentials(name),
      ...settings,
    });
    return { ...tried, left: (await allVersions(bucket)).filter((key) => key !== 'fleet/holdfast.json') };
  }

  it('let a writer write for this server and nothing else', async () => {
    const tried = await tryAs(['writer'], { putOnly: true });

    expect(allowed(tried, /^write .* of this server|^abort/)).toEqual(['yes']);
    expect(allowed(tried, /^(read|list|write for other)/)).toEqual(['no']);
    expect(allowed(tried, /^remove/)).not.toContain('yes');
    expect(brief(tried.findings)).toEqual(["writer's rights ok", "pruner's rights note"]);
    expect(tried.left).toEqual([]);
  });

  it('let a reader read and list, which is not enough to back up', async () => {
    const tried = await tryAs(['reader']);

    expect(allowed(tried, /^(read|list)/)).toEqual(['yes']);
    expect(allowed(tried, /^(write|abort)/)).toEqual(['no']);
    expect(brief(tried.findings)).toContain("writer's rights error");
    expect(tried.findings.find(({ state }) => state === 'error')?.code).toBe('STORE_DENIED');
    expect(tried.left).toEqual([]);
  });

  it('let writer and reader together back up', async () => {
    const tried = await tryAs(['writer', 'reader']);

    expect(brief(tried.findings)).toEqual([
      "writer's rights ok",
      "reader's rights ok",
      "pruner's rights note",
    ]);
    expect(tried.left).toEqual([]);
  });

  it(`let a pruner remove, on ${kind}`, async () => {
    const tried = await tryAs(['pruner']);

    expect(allowed(tried, /^(read|list|remove)/)).toEqual(['yes']);
    expect(allowed(tried, /^write (data|index|manifests|keys|runs|for other)/)).toEqual(['no']);
    expect(allowed(tried, /^write events/)).toEqual(['yes']);
    expect(tried.left).toEqual([]);
  });
});

describe('rights', () => {
  it('are noted where they are more than a server needs', async () => {
    const bucket = await newBucket(server);
    const { findings } = await withSetup(bucket, (setup) => setup.tryOut(request({ prunes: false })));

    expect(findings.find(({ name }) => name === 'least privilege')?.detail).toBe(
      'more than needed: the credentials can remove backups, write for other servers',
    );
  });
});

describe('purge', () => {
  it('removes every version, marker and unfinished upload of a probe, and nothing else', async () => {
    const bucket = await newBucket(server, { versions: true });
    const store = await openStore(server, bucket);
    const mine = `data/${serverId}/_verify/one/`;
    const kept = [`data/${serverId}/_verify/other/x`, `data/${serverId}/owner/x`];
    for (const key of [`${mine}a`, `${mine}a`, `${mine}b/c`, ...kept])
      await put(store, key, new Uint8Array(3));
    await store.remove({ key: `${mine}a`, signal });
    await store.close();
    const Key = `fleet/${mine}upload`;
    await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }));
    await withSetup(bucket, (setup) => setup.purge({ prefix: mine, signal }));

    expect((await allVersions(bucket)).sort()).toEqual(kept.map((key) => `fleet/${key}`).sort());
    expect((await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []).toEqual(
      [],
    );
  });

  it('refuses whatever is no prefix of a probe', async () => {
    const bucket = await newBucket(server);
    for (const prefix of ['', 'data/', `data/${otherId}/`, `data/${otherId}/_verify/`]) {
      await expect(withSetup(bucket, (setup) => setup.purge({ prefix, signal }))).rejects.toThrow(TypeError);
    }
  });
});

describe('policies', () => {
  const of = (settings: Readonly<Record<string, unknown>>, id: string | null = serverId) =>
    withSetup('panel-backups', async (setup) => setup.policies(request({ server: id })), settings);

  it('name a placeholder while the server has no UUID', async () => {
    expect(JSON.stringify(await of({}, null))).toContain('panel-backups/fleet/data/SERVER/*');
  });

  it('limit listing by prefix only where there is one', async () => {
    expect(JSON.stringify(await of({}))).toContain('"s3:prefix":"fleet/*"');
    expect(JSON.stringify(await of({ prefix: '' }))).not.toContain('Condition');
  });

  it('hold what tags and keys of the service need, and the partition of the region', async () => {
    const kmsKeyId = 'arn:aws-cn:kms:cn-north-1:1:key/x';
    const text = JSON.stringify(
      await of({ tags: { a: 'b' }, encryption: 'aws:kms', kmsKeyId, region: 'cn-north-1' }),
    );

    expect(text).toContain('"s3:PutObjectTagging"');
    expect(text).toContain('"kms:GenerateDataKey","kms:Decrypt"],"Resource":["arn:aws-cn:kms');
    expect(text).toContain('arn:aws-cn:s3:::panel-backups');
  });
});
