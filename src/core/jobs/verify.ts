/**
 * Verifies snapshots: that every object is there and as large as recorded, that the index is whole and
 * points inside its objects; with `readData` also every stored byte and the hash of every file; and, where
 * whole histories are given, that no snapshot is missing from them.
 *
 * Names what a damaged object affects: snapshot, component, path. Changes nothing.
 */

import { contentRoot } from '../archive/root.ts';
import { type ErrorCode, errorCodes, HoldfastError, isHoldfastError } from '../errors.ts';
import { displayName } from '../filesystem/xattrs.ts';
import {
  type AnySnapshot,
  type ListedSnapshot,
  opened,
  readSoundSnapshot,
  type Snapshot,
} from './catalog.ts';
import { Erasures } from './erasures.ts';
import { openIndex } from './index-reader.ts';
import { RestoreThreads } from './restore/restore-threads.ts';
import { distrustOf, requireTrusted, trustsNobody } from './trust.ts';
import { verifyContents } from './verify-contents.ts';
import { verifyEvents } from './verify-events.ts';
import { type HistoryLink, historyCodes, linkOf, verifyHistories } from './verify-history.ts';
import { KeyCheck } from './verify-keys.ts';
import { verifyNames } from './verify-names.ts';
import { checkBytes, checkExport, checkSize, componentOf, indexKeyOf } from './verify-objects.ts';
import { checkPages } from './verify-pages.ts';
import type { VerifiedSnapshot, VerifyProblem, VerifyReport, VerifyRequest } from './verify-types.ts';
import { wasPruned } from './was-pruned.ts';

/**
 * @throws STORE_UNAVAILABLE, STORE_DENIED, INTERRUPTED; everything about contents is in the report
 * @throws IDENTITY_WRONG the identity opens none of the snapshots: where it opens some, the others are in the report
 */
export async function verify(request: VerifyRequest): Promise<VerifyReport> {
  const keys = new KeyCheck(request);
  const totals: Totals = {
    objectsChecked: 0,
    bytesRead: 0,
    wrong: new Set(),
    keys,
    erasures: new Erasures(request),
    links: [],
    unreadable: [],
    opened: 0,
    wrongKey: null,
  };
  const snapshots: VerifiedSnapshot[] = [];
  let pruned = 0;
  const pool = request.pool ?? new RestoreThreads(request.threads);
  try {
    for (const listed of request.snapshots) {
      const wrong = new Set<ErrorCode>();
      const one = await verifyOne(request, listed, { pool, wrong }, totals);
      request.onEvent({ type: 'snapshot' });
      if (wrong.size > 0 && (await wasPruned(request, listed))) {
        pruned += 1;
        continue;
      }
      for (const code of wrong) totals.wrong.add(code);
      snapshots.push(one);
    }
  } finally {
    if (request.pool === undefined) await pool.close();
  }
  if (totals.wrongKey !== null && totals.opened === 0) throw totals.wrongKey;
  const histories =
    request.wholeHistories === true
      ? [
          ...(await verifyHistories({ ...request, ...totals })),
          ...(await verifyEvents(request)),
          ...(await verifyNames(request)),
        ]
      : [];
  for (const { kind } of histories) totals.wrong.add(historyCodes[kind]);
  const code = worstFirst.find((one) => totals.wrong.has(one));
  const { objectsChecked, bytesRead } = totals;
  return {
    snapshots,
    pruned,
    histories,
    objectsChecked,
    bytesRead,
    exitStatus: code === undefined ? 0 : errorCodes[code].exit,
  };
}

const worstFirst = ['OBJECT_MISSING', 'OBJECT_DAMAGED', 'SNAPSHOT_UNTRUSTED', 'IDENTITY_WRONG'] as const;

interface Totals {
  objectsChecked: number;
  bytesRead: number;
  /** Codes of all problems. */
  readonly wrong: Set<ErrorCode>;
  readonly keys: KeyCheck;
  readonly erasures: Erasures;
  readonly links: HistoryLink[];
  readonly unreadable: ListedSnapshot[];
  /** Encrypted ones. */
  opened: number;
  /** The first there was. */
  wrongKey: unknown;
}

async function verifyOne(
  request: VerifyRequest,
  listed: ListedSnapshot,
  { pool, wrong: codes }: { readonly pool: RestoreThreads; readonly wrong: Set<ErrorCode> },
  totals: Totals,
): Promise<VerifiedSnapshot> {
  const problems: VerifyProblem[] = [];
  const add = (problem: Partial<VerifyProblem> & { readonly message: string }, code?: ErrorCode): void => {
    codes.add(worstFirst.find((one) => one === code) ?? 'OBJECT_DAMAGED');
    problems.push({ object: null, component: null, path: null, ...problem });
  };
  const attempt = async (
    action: () => Promise<void>,
    about: Partial<VerifyProblem>,
  ): Promise<ErrorCode | null> => {
    try {
      await action();
      return null;
    } catch (error) {
      if (!isHoldfastError(error) || !/^(OBJECT_|FORMAT_|SNAPSHOT_|IDENTITY_WRONG)/.test(error.code))
        throw error;
      if (error.code === 'IDENTITY_WRONG') totals.wrongKey ??= error;
      add({ ...about, message: error.message }, error.code);
      return error.code;
    }
  };
  let snapshot: AnySnapshot | null = null;
  await attempt(
    async () => {
      snapshot = await readSoundSnapshot(request.provider, listed, request.signal, request.trust);
    },
    { object: listed.key },
  );
  totals.objectsChecked++;
  if (snapshot === null) {
    totals.unreadable.push(listed);
    return { name: null, key: listed.key, locked: false, problems };
  }
  const any: AnySnapshot = snapshot;
  const { header, name } = any;
  for (const { key, code, message } of any.passedOver ?? []) add({ object: key, message }, code);
  const { trust } = request;
  if (trust !== undefined) await attempt(async () => requireTrusted(any, trust), { object: listed.key });
  // What a stranger's names is nothing to go by. Where nobody is trusted there is nothing else.
  if (trust !== undefined && !trustsNobody(trust) && distrustOf(any, trust) !== null) {
    totals.unreadable.push(listed);
    return { name, key: listed.key, locked: false, problems };
  }
  totals.links.push(linkOf(any));
  if ((await totals.erasures.of(header)) !== null)
    return { name, key: listed.key, locked: false, erased: true, problems };
  const noKey = await attempt(() => totals.keys.check(header), { object: listed.key });
  // What is missing is told once: reading it again would find the same.
  const gone = new Set<number>();
  const lost = new Map<number, string>();
  for (const object of [...header.objects, ...header.references]) {
    totals.objectsChecked++;
    const about = { object: object.key, component: componentOf(any, object) };
    const wrong = await attempt(() => checkSize(request, object), about);
    if (wrong === 'OBJECT_MISSING') gone.add(object.number);
    // Of one that is there in another size, --read-data tells which parts can still be read.
    if (wrong === 'OBJECT_MISSING' || (wrong !== null && !request.readData))
      lost.set(object.number, `its content lies in ${object.key}, which is damaged or missing`);
    if (wrong === null && request.readData) await attempt(() => checkBytes(request, object, totals), about);
  }
  // That its key is gone has been told.
  const found = noKey !== null && any.body === null ? null : await openedOf(request, any, attempt);
  if (found === null) return { name, key: listed.key, locked: problems.length === 0, problems };
  const { body } = found;
  if (header.encryption !== undefined) totals.opened++;
  // What repair has marked is known, and no problem of this day.
  const known = new Set(body.lost?.paths);
  const named = new Set<string>();
  const failed = (path: Buffer, message: string): void => {
    const shown = displayName(path);
    if (known.has(shown) || named.has(shown)) return;
    named.add(shown);
    add({ component: treeOf(path), path: shown, message });
  };
  const hasNoIndex = body.index !== null && gone.has(body.index.object);
  const unread = await attempt(
    async () => {
      if (hasNoIndex) return;
      const reader = await openIndex(request.provider, found, request.signal);
      if (body.contentRoot !== null && contentRoot(reader.root).toString('hex') !== body.contentRoot) {
        throw new HoldfastError('OBJECT_DAMAGED', 'the index is not the one the manifest was sealed with');
      }
      await checkPages(reader, lost, failed);
      if (!request.readData) return;
      await verifyContents({ ...request, pool }, reader, failed);
    },
    { object: indexKeyOf(found) },
  );
  if (hasNoIndex || unread !== null) {
    for (const { type, name: component, state } of body.components)
      if (type === 'tree' && state === 'complete') add({ component, message: 'its index cannot be read' });
  }
  if (request.readData) {
    for (const component of body.components) {
      if (component.type !== 'database' || component.state !== 'complete') continue;
      const parts = [component.object, ...component.besides.map(({ object }) => object)];
      if (parts.some((part) => part !== null && gone.has(part))) continue;
      await attempt(() => checkExport(request, found, component), { component: component.name });
    }
  }
  return { name, key: listed.key, locked: false, problems };
}

const treeOf = (path: Buffer): string => path.toString('latin1').split('/', 1)[0]!;

type Attempt = (action: () => Promise<void>, about: Partial<VerifyProblem>) => Promise<ErrorCode | null>;

/** Null where it stays locked: for want of an identity, or because its key is gone, which is a problem. */
async function openedOf(
  { provider, signal }: VerifyRequest,
  snapshot: AnySnapshot,
  attempt: Attempt,
): Promise<Snapshot | null> {
  let found: Snapshot | null = null;
  if (snapshot.body === null && !provider.keys) return null;
  const open = async (): Promise<void> => {
    found = await opened(provider, snapshot, signal);
  };
  await attempt(open, { object: snapshot.key });
  return found;
}
