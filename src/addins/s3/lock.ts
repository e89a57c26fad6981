/**
 * Object lock: how long each class of objects stays, whoever asks for its removal.
 *
 * A lock is set with the put and extended for objects that newer snapshots still refer to. Ends are rounded
 * up to an eighth of the time, so that most extensions need no request. Trial objects are never locked.
 */

import { PutObjectRetentionCommand } from '@aws-sdk/client-s3';
import { type ExtendLockRequest, HoldfastError, isProbePrefix } from '../../core/index.ts';
import { at, type Bucket, type Call } from './bucket.ts';
import { answerOf, isDenied } from './failures.ts';
import type { LockSettings } from './lock-settings.ts';
import { headObject } from './metadata.ts';
import type { S3Settings } from './settings.ts';

const dayMs = 86_400_000;
/** The service tells its clock in seconds, and some time ago. */
const slackMs = 60_000;
/** Into so many steps the time of a lock is divided. */
const steps = 8;

/** Null where the key is of no class that is locked. */
function lockedDays({ objectLock }: S3Settings, key: string): number | null {
  if (objectLock === undefined || isProbePrefix(key)) return null;
  const [first] = key.split('/', 1);
  return objectLock.days[first as keyof LockSettings['days']] ?? null;
}

/** When a lock ends that begins at an instant: after the whole time, at most an eighth later. */
export function lockEndMs(days: number, fromMs: number): number {
  const step = (days * dayMs) / steps;
  return Math.ceil((fromMs + days * dayMs) / step) * step;
}

interface Lock {
  readonly ObjectLockMode?: 'COMPLIANCE' | 'GOVERNANCE';
  readonly ObjectLockRetainUntilDate?: Date;
}

/** What a write says of the lock of its object. */
export function lockOf({ settings, clock }: Bucket, key: string): Lock {
  const days = lockedDays(settings, key);
  if (days === null) return {};
  return {
    ObjectLockMode: modeOf(settings),
    ObjectLockRetainUntilDate: new Date(lockEndMs(days, clock.now())),
  };
}

const modeOf = ({ objectLock }: S3Settings): 'COMPLIANCE' | 'GOVERNANCE' =>
  objectLock?.mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE';

/** @throws CONFIG_INVALID a lock is asked for, and the bucket is known to have none */
export function refuseWithoutLock({ settings, findings }: Bucket, key: string): void {
  if (findings.objectLock === 'no' && lockedDays(settings, key) !== null) throw noLock(settings.bucket);
}

/** A put with a lock was refused: services call it an invalid request where the bucket has no lock. */
export function explainLock({ settings }: Bucket, key: string, error: unknown): unknown {
  const { name, status } = answerOf(error);
  const invalid = status === 400 && (name === 'InvalidRequest' || name === 'InvalidArgument');
  return invalid && lockedDays(settings, key) !== null ? noLock(settings.bucket) : error;
}

function noLock(bucket: string): HoldfastError {
  return new HoldfastError('CONFIG_INVALID', `"objectLock" is set, but bucket ${bucket} has no object lock`, {
    hint: 'Use a new bucket and run holdfast store init --apply, or remove "objectLock".',
  });
}

/**
 * Locks what was uploaded in parts once more: Ceph 16 forgets the lock that was asked for at the beginning. It is
 * the version that counts, so another's write under the key is not locked by mistake.
 * Where that fails, so does the put.
 */
export async function lockUploaded(
  bucket: Bucket,
  key: string,
  version: string | null,
  call: Call,
): Promise<void> {
  const { ObjectLockMode: Mode, ObjectLockRetainUntilDate: RetainUntilDate } = lockOf(bucket, key);
  if (Mode === undefined || RetainUntilDate === undefined) return;
  const which = { ...at(bucket, key), ...(version === null ? {} : { VersionId: version }) };
  const Retention = { Mode, RetainUntilDate };
  try {
    await bucket.client.send(new PutObjectRetentionCommand({ ...which, Retention }), call);
  } catch (error) {
    throw explainLock(bucket, key, error);
  }
}

export async function extendLock(bucket: Bucket, request: ExtendLockRequest): Promise<void> {
  const { settings, clock, client } = bucket;
  const { key, lockedAtMs, signal } = request;
  const days = lockedDays(settings, key);
  if (days === null) return;
  refuseWithoutLock(bucket, key);
  const nowMs = clock.now();
  const wantedMs = lockEndMs(days, nowMs);
  // What lies ahead of the service's clock was told by a wrong one.
  const isKnown = lockedAtMs !== null && lockedAtMs <= nowMs + slackMs;
  if (isKnown && lockEndMs(days, lockedAtMs) >= wantedMs) return;
  const Retention = { Mode: modeOf(settings), RetainUntilDate: new Date(wantedMs) };
  const call = { abortSignal: signal };
  try {
    await client.send(new PutObjectRetentionCommand({ ...at(bucket, key), Retention }), call);
  } catch (error) {
    // A lock that is longer already cannot be shortened, and a stricter one is as good.
    if (!isDenied(error) || !(await lastsUntil(bucket, key, wantedMs, call))) throw error;
  }
}

async function lastsUntil(bucket: Bucket, key: string, wantedMs: number, call: Call): Promise<boolean> {
  const head = await headObject(bucket, key, call).catch(() => null);
  return (head?.ObjectLockRetainUntilDate?.getTime() ?? 0) >= wantedMs;
}

export const describeLock = ({ mode, days }: LockSettings): string =>
  `${Object.entries(days)
    .map(([name, count]) => `${name} ${count} ${count === 1 ? 'day' : 'days'}`)
    .join(', ')} (${mode})`;
