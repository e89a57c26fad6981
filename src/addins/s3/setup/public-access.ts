/**
 * Blocking public access, and taking it back where it keeps us from writing.
 *
 * AWS blocks what is public; Ceph 16 with `BlockPublicAcls` refuses every put. So a put is tried before
 * and after, and what the bucket had before is restored where the second one fails.
 */

import {
  DeletePublicAccessBlockCommand,
  type PublicAccessBlockConfiguration,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3';
import { probePrefixOf, type SetupAction } from '../../../core/index.ts';
import { attributes } from '../attributes.ts';
import type { Call } from '../bucket.ts';
import { answerOf, isRightLacking } from '../failures.ts';
import type { Told } from './ask.ts';
import type { Facts, Place } from './place.ts';
import * as trial from './trials.ts';

const blocked = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: true,
  RestrictPublicBuckets: true,
} as const satisfies PublicAccessBlockConfiguration;

type Parts = readonly (keyof typeof blocked)[];

/** The parts of the block that are not on; null where the service does not tell. */
export function unblockedParts(told: Facts['publicAccess']): Parts | null {
  const parts = Object.keys(blocked) as (keyof typeof blocked)[];
  if (told.state === 'none') return parts;
  if (told.state !== 'told') return null;
  return parts.filter((part) => told.value.PublicAccessBlockConfiguration?.[part] !== true);
}

/** `server` is the one below whose keys the trial goes. `locked`: what is put there could not be removed. */
export async function blockPublicAccess(
  place: Place,
  before: Facts['publicAccess'],
  { server, probe, locked }: { readonly server: string; readonly probe: string; readonly locked: boolean },
  call: Call,
): Promise<SetupAction> {
  const action = (state: SetupAction['state'], detail: string): SetupAction => {
    const code = state === 'failed' ? 'STORE_DENIED' : null;
    return { name: 'public access', state, detail, hint: null, code };
  };
  if (unblockedParts(before)?.length === 0) return action('present', 'is blocked already');
  if (before.state === 'unsupported')
    return action('present', 'the service has no block; it may have none to offer');
  const put = () => tryPut(place, `${probePrefixOf('data', server, probe)}public-access`, locked, call);
  const trouble = await put();
  if (trouble !== null) {
    return action('failed', `left as it is: a put is refused before anything was changed (${trouble})`);
  }
  const { client, where } = place;
  try {
    await client.send(
      new PutPublicAccessBlockCommand({ ...where, PublicAccessBlockConfiguration: blocked }),
      call,
    );
  } catch (error) {
    const { name } = answerOf(error);
    if (isRightLacking(error)) return action('failed', `the credentials may not block it (${name})`);
    if (answerOf(error).status < 500 || name === 'NotImplemented')
      return action('present', `the service does not take the block (${name})`);
    throw error;
  }
  const harm = await put().catch((error: unknown) => answerOf(error).name);
  if (harm === null) return action('done', 'is blocked, and a put still succeeds');
  await takeBack(place, before, call);
  const after = await put();
  if (after !== null)
    return action('failed', `the block was taken back, and a put is still refused (${after})`);
  return action(
    'taken-back',
    `with the block a put was refused (${harm}), as Ceph does; it is as it was before`,
  );
}

async function takeBack({ client, where }: Place, before: Told<unknown>, call: Call): Promise<void> {
  const had = (before as { value?: { PublicAccessBlockConfiguration?: PublicAccessBlockConfiguration } })
    .value?.PublicAccessBlockConfiguration;
  if (had === undefined || !Object.values(had).includes(true)) {
    await client.send(new DeletePublicAccessBlockCommand(where), call);
    return;
  }
  const PublicAccessBlockConfiguration = had;
  await client.send(new PutPublicAccessBlockCommand({ ...where, PublicAccessBlockConfiguration }), call);
}

/** Null where it succeeds, else what the service said. The caller purges the prefix. */
async function tryPut(place: Place, key: string, locked: boolean, call: Call): Promise<string | null> {
  if (locked) {
    const { allowed, detail } = await trial.tryPut(place, key, call);
    return allowed === 'yes' ? null : (detail ?? 'refused');
  }
  const { once, where, settings } = place;
  const said = attributes(settings, { key, body: trial.nothing(), signal: call.abortSignal }, null);
  const which = { ...where, Key: settings.prefix + key, ...said };
  try {
    await once.send(new PutObjectCommand({ ...which, Body: Buffer.from('probe'), ContentLength: 5 }), call);
    return null;
  } catch (error) {
    if (answerOf(error).status < 400 || answerOf(error).status >= 500) throw error;
    return answerOf(error).name;
  }
}
