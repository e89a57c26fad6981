/**
 * Sets a bucket up: creates it, turns versions on, adds the rule for unfinished uploads, blocks public
 * access. Changes nothing that is so already, and keeps what others have set.
 */

import { isDeepStrictEqual } from 'node:util';
import {
  CreateBucketCommand,
  type CreateBucketCommandInput,
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule as GivenRule,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
} from '@aws-sdk/client-s3';
import type { ProbeRequest, SetupAction } from '../../../core/index.ts';
import type { Call } from '../bucket.ts';
import { answerOf, asFailure, isRightLacking } from '../failures.ts';
import { readRule } from './lifecycle.ts';
import { abortsLeftovers } from './lint-lifecycle.ts';
import { bucketState, type Facts, locksByDefault, type Place, readFacts } from './place.ts';
import { blockPublicAccess } from './public-access.ts';

const ruleId = 'holdfast-abort-uploads';
const abortAfterDays = 7;

export async function applySetup(place: Place, request: ProbeRequest): Promise<readonly SetupAction[]> {
  const call = { abortSignal: request.signal };
  const server = request.server ?? request.probe;
  const actions = [await step('bucket', request, () => makeBucket(place, call))];
  if (actions[0]?.state === 'failed') return actions;
  const facts = await readFacts(place, call);
  actions.push(await step('versions', request, () => turnVersionsOn(place, facts, call)));
  if (place.settings.objectLock !== undefined) {
    actions.push(await step('object lock', request, () => turnLockOn(place, facts, call)));
  }
  actions.push(await step('lifecycle', request, () => addAbortRule(place, facts, call)));
  const ids = { server, probe: request.probe, locked: locksByDefault(facts) };
  actions.push(
    await step('public access', request, () => blockPublicAccess(place, facts.publicAccess, ids, call)),
  );
  return actions;
}

/** A refused step is told and stops no other; an interruption stops all. */
async function step(
  name: string,
  { signal }: ProbeRequest,
  work: () => Promise<SetupAction>,
): Promise<SetupAction> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    const failure = asFailure(error, `set up ${name}`, signal) as Error & { hint?: string };
    const { status } = answerOf(error);
    const code = isRightLacking(error)
      ? 'STORE_DENIED'
      : status >= 500 || status === 0
        ? 'STORE_UNAVAILABLE'
        : 'CONFIG_INVALID';
    return { name, state: 'failed', detail: failure.message, hint: failure.hint ?? null, code };
  }
}

const done = (name: string, detail: string): SetupAction => ({
  name,
  state: 'done',
  detail,
  hint: null,
  code: null,
});
const present = (name: string, detail: string): SetupAction => ({ ...done(name, detail), state: 'present' });

async function makeBucket(place: Place, call: Call): Promise<SetupAction> {
  const { client, where, settings } = place;
  const state = await bucketState(place, call);
  if (state === 'present') return present('bucket', `${settings.bucket} exists`);
  // AWS wants its region named, except for the oldest; others refuse names that are not theirs.
  const region = settings.region === undefined ? await client.config.region() : settings.region;
  const LocationConstraint = region as 'eu-west-2';
  const lock = settings.objectLock === undefined ? {} : { ObjectLockEnabledForBucket: true };
  const input: CreateBucketCommandInput =
    settings.atAws && region !== 'us-east-1'
      ? { ...where, ...lock, CreateBucketConfiguration: { LocationConstraint } }
      : { ...where, ...lock };
  try {
    await client.send(new CreateBucketCommand(input), call);
  } catch (error) {
    if (answerOf(error).name !== 'BucketAlreadyOwnedByYou') throw error;
    return present('bucket', `${settings.bucket} exists`);
  }
  return done('bucket', `${settings.bucket} was created`);
}

async function turnVersionsOn(
  { client, where }: Place,
  { versioning }: Facts,
  call: Call,
): Promise<SetupAction> {
  if (versioning.state === 'told' && versioning.value.Status === 'Enabled')
    return present('versions', 'are on');
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await client.send(new PutBucketVersioningCommand({ ...where, VersioningConfiguration }), call);
  return done('versions', 'were turned on');
}

/** Most services can do that only for a new bucket. */
async function turnLockOn({ client, where }: Place, { objectLock }: Facts, call: Call): Promise<SetupAction> {
  const told = objectLock.state === 'told' ? objectLock.value.ObjectLockConfiguration : undefined;
  if (told?.ObjectLockEnabled === 'Enabled') return present('object lock', 'is on');
  try {
    const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled' } as const;
    await client.send(new PutObjectLockConfigurationCommand({ ...where, ObjectLockConfiguration }), call);
  } catch (error) {
    if (isRightLacking(error) || answerOf(error).status >= 500) throw error;
    const detail = 'the service gives no object lock to a bucket that is there already';
    const hint = 'Name a new bucket, which store init --apply makes with object lock.';
    return { name: 'object lock', state: 'failed', detail, hint, code: 'CONFIG_INVALID' };
  }
  return done('object lock', 'was turned on');
}

/** A bucket's rules are written all at once, so those of others are read, kept and compared afterwards. */
async function addAbortRule(place: Place, { lifecycle }: Facts, call: Call): Promise<SetupAction> {
  const { client, where, settings } = place;
  if (lifecycle.state === 'denied' || lifecycle.state === 'unsupported') {
    const detail = 'the rules of the bucket cannot be read, so none is added';
    const hint = 'Run it with credentials that have s3:GetLifecycleConfiguration.';
    return { name: 'lifecycle', state: 'failed', detail, hint, code: 'STORE_DENIED' };
  }
  const told = lifecycle.state === 'told' ? lifecycle.value : null;
  const before = told?.Rules ?? [];
  if (abortsLeftovers(before.map(readRule), settings.prefix)) {
    return present('lifecycle', 'a rule aborts unfinished uploads');
  }
  const others = before.filter(({ ID }) => ID !== ruleId);
  const rule: GivenRule = {
    ID: ruleId,
    Status: 'Enabled',
    Filter: { Prefix: settings.prefix },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: abortAfterDays },
  };
  const size = told?.TransitionDefaultMinimumObjectSize;
  const write = (Rules: GivenRule[]) =>
    client.send(
      new PutBucketLifecycleConfigurationCommand({
        ...where,
        LifecycleConfiguration: { Rules: Rules.map(asWritten) },
        ...(size === undefined ? {} : { TransitionDefaultMinimumObjectSize: size }),
      }),
      call,
    );
  await write([...others, rule]);
  const after = await client.send(new GetBucketLifecycleConfigurationCommand(where), call);
  const kept = others.every((one) => after.Rules?.some((now) => isDeepStrictEqual(now, one)));
  if (kept)
    return done('lifecycle', `a rule (${ruleId}) aborts unfinished uploads after ${abortAfterDays} days`);
  await write(before);
  const detail = 'the service changed other rules of the bucket when one was added; all are as before';
  return { ...done('lifecycle', detail), state: 'taken-back' };
}

/** Ceph 16 tells one tag beside the prefix, which only `And` may hold when written. */
function asWritten(rule: GivenRule): GivenRule {
  const { Prefix, Tag, And } = rule.Filter ?? {};
  if (Prefix === undefined || Tag === undefined || And !== undefined) return rule;
  return { ...rule, Filter: { And: { Prefix, Tags: [Tag] } } };
}
