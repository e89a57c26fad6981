/**
 * What a store asks of its bucket before anything else: whether it keeps versions, and whether it locks.
 *
 * Needs rights that not everybody has, so a refusal is an answer: the finding stays unknown, and answers to other
 * requests may still settle it.
 */

import {
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  type GetObjectLockConfigurationCommandOutput,
} from '@aws-sdk/client-s3';
import type { Bucket, Call } from './bucket.ts';
import { answerOf } from './failures.ts';

/** Put-only credentials ask nothing. @returns false where a service that is away or overloaded gave no answer */
export async function askBucket(bucket: Bucket, call: Call): Promise<boolean> {
  if (bucket.settings.putOnly) return true;
  return (
    (await isAnswered(() => askVersions(bucket, call))) && (await isAnswered(() => askLock(bucket, call)))
  );
}

async function askVersions({ client, settings, findings }: Bucket, call: Call): Promise<void> {
  const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket: settings.bucket }), call);
  // Suspended buckets still hold versions.
  findings.versions = Status === undefined ? 'no' : 'yes';
}

async function askLock({ client, settings, findings }: Bucket, call: Call): Promise<void> {
  // There is no lock without versions.
  if (findings.versions === 'no') {
    findings.objectLock = 'no';
    return;
  }
  let answer: GetObjectLockConfigurationCommandOutput;
  try {
    answer = await client.send(new GetObjectLockConfigurationCommand({ Bucket: settings.bucket }), call);
  } catch (error) {
    if (answerOf(error).name !== 'ObjectLockConfigurationNotFoundError') throw error;
    findings.objectLock = 'no';
    return;
  }
  const { ObjectLockEnabled, Rule } = answer.ObjectLockConfiguration ?? {};
  findings.objectLock = ObjectLockEnabled === 'Enabled' ? 'yes' : 'no';
  findings.locksByDefault = Rule?.DefaultRetention?.Mode !== undefined;
}

async function isAnswered(ask: () => Promise<void>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    const { status } = answerOf(error);
    return (status >= 300 && status < 500 && status !== 429) || status === 501;
  }
}
