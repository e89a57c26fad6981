/** Which rights the configured credentials have, role by role, and what that means for backups. */

import { PutObjectCommand } from '@aws-sdk/client-s3';
import {
  keyClasses,
  type ProbeRequest,
  probePrefixOf,
  prunedClasses,
  type SetupFinding,
  type StoreRight,
  type StoreRole,
  type TryOut,
} from '../../../core/index.ts';
import type { Call } from '../bucket.ts';
import type { Place } from './place.ts';
import * as trial from './trials.ts';

export async function tryRights(
  place: Place,
  request: ProbeRequest,
  { versions, locked: locksAll }: { readonly versions: boolean; readonly locked: boolean },
): Promise<TryOut> {
  const call = { abortSignal: request.signal };
  const server = request.server ?? request.probe;
  const key = (one: (typeof keyClasses)[number]) => `${probePrefixOf(one, server, request.probe)}right`;
  const puts = keyClasses.map(async (one) =>
    right(`write ${one} of this server`, await trial.tryPut(place, key(one), call), 'writer'),
  );
  const { days } = place.settings.objectLock ?? { days: {} };
  const locks = keyClasses
    .filter((one) => one in days)
    .map(async (one) =>
      right(`lock ${one} of this server`, await trial.tryLock(place, key(one), call), 'writer'),
    );
  const removals = prunedClasses.map(async (one) => {
    const version = await trial.tryRemoveVersion(place, key(one), call);
    const markers = version.allowed === 'yes';
    const plain = await trial.tryRemove(place, key(one), { versions, markers }, call);
    return [
      right(`remove ${one} of this server`, plain, 'pruner'),
      // Without versions nobody needs it.
      ...(versions ? [right(`remove versions of ${one} of this server`, version, 'pruner')] : []),
    ];
  });
  const [writes, locked, aborts, removes, lists, listsVersions, foreign] = await Promise.all([
    Promise.all(puts),
    Promise.all(locks),
    trial.tryAbort(place, key('data'), call),
    Promise.all(removals),
    trial.tryList(place, call),
    trial.tryListVersions(place, call),
    trial.tryPut(place, `${probePrefixOf('data', request.probe, request.probe)}right`, call),
  ]);
  const removable = !locksAll && removes.flat().every(({ allowed }) => allowed === 'yes');
  const reads = await trial.tryRead(place, () => makeObject(place, key('data'), removable, call), call);
  const rights = [
    ...writes,
    ...locked,
    right('abort uploads of this server', aborts, 'writer'),
    right('read objects', reads, 'reader', 'pruner'),
    right('list objects', lists, 'reader', 'pruner'),
    ...(versions ? [right('list versions', listsVersions, 'reader', 'pruner')] : []),
    ...removes.flat(),
    ...(request.server === null ? [] : [right('write for other servers', foreign)]),
  ];
  return { rights, findings: judge(rights, place.settings.putOnly, request.prunes) };
}

const right = (
  name: string,
  { allowed, detail }: trial.Outcome,
  ...roles: readonly StoreRole[]
): StoreRight => ({ name, allowed, roles, detail });

/** Only where it can be removed again. */
async function makeObject(
  { client, where, settings }: Place,
  key: string,
  removable: boolean,
  call: Call,
): Promise<string | null> {
  if (!removable) return null;
  const body = { Body: Buffer.from('x'), ContentLength: 1 };
  await client.send(new PutObjectCommand({ ...where, Key: settings.prefix + key, ...body }), call);
  return key;
}

/** Pure. A backup needs a writer's rights and, unless it is told otherwise, a reader's. */
export function judge(
  rights: readonly StoreRight[],
  putOnly: boolean,
  prunes: boolean,
): readonly SetupFinding[] {
  const lacking = (role: StoreRole) =>
    rights.filter(({ roles, allowed }) => roles.includes(role) && allowed === 'no').map(({ name }) => name);
  const finding = (
    name: string,
    state: SetupFinding['state'],
    detail: string,
    hint: string | null = null,
  ): SetupFinding => {
    const code = state === 'error' ? 'STORE_DENIED' : null;
    return { name, state, detail, hint, code, mendable: false };
  };
  const needed: readonly StoreRole[] = putOnly ? ['writer'] : ['writer', 'reader'];
  const findings = needed.map((role) => {
    const missing = lacking(role);
    if (missing.length === 0) return finding(`${role}'s rights`, 'ok', 'the credentials have them');
    const hint = `Attach the ${role} policy below to the credentials${role === 'reader' ? ', or set "putOnly": true' : ''}.`;
    return finding(`${role}'s rights`, 'error', `the credentials cannot ${missing.join(', ')}`, hint);
  });
  const unremovable = lacking('pruner').filter((name) => name.startsWith('remove'));
  const removals = rights.filter(({ name }) => name.startsWith('remove'));
  if (prunes && unremovable.length > 0) {
    const detail = `the credentials cannot ${unremovable.join(', ')}; prune has to run with others`;
    findings.push(finding("pruner's rights", 'note', detail));
  }
  const excess = [
    ...(removals.some(({ allowed }) => allowed === 'yes') && !prunes ? ['remove backups'] : []),
    ...rights.filter(({ roles, allowed }) => roles.length === 0 && allowed === 'yes').map(({ name }) => name),
    ...(putOnly && rights.some(({ name, allowed }) => name === 'read objects' && allowed === 'yes')
      ? ['read objects although "putOnly" is set']
      : []),
  ];
  if (excess.length > 0) {
    const detail = `more than needed: the credentials can ${excess.join(', ')}`;
    const hint = 'Give this server credentials limited by the policies below.';
    findings.push(finding('least privilege', 'note', detail, hint));
  }
  return findings;
}
