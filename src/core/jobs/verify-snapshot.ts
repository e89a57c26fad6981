/**
 * Verifies one snapshot: its manifest, the objects it names, its index and, with `readData`, all that these hold.
 */

import { contentRoot } from '../archive/root.ts';
import { type ErrorCode, HoldfastError, isHoldfastError } from '../errors.ts';
import { displayName } from '../filesystem/xattrs.ts';
import {
  type AnySnapshot,
  type ListedSnapshot,
  opened,
  readSoundSnapshot,
  type Snapshot,
} from './catalog.ts';
import type { Erasures } from './erasures.ts';
import { openIndex } from './index-reader.ts';
import type { RestoreThreads } from './restore/restore-threads.ts';
import { distrustOf, requireTrusted, trustsNobody } from './trust.ts';
import { verifyContents } from './verify-contents.ts';
import { type HistoryLink, linkOf } from './verify-history.ts';
import type { KeyCheck } from './verify-keys.ts';
import { askSizes, checkBytes, checkExport, checkSize, componentOf, indexKeyOf } from './verify-objects.ts';
import type { CheckedOnce } from './verify-once.ts';
import { checkPages } from './verify-pages.ts';
import type { VerifiedSnapshot, VerifyProblem, VerifyRequest } from './verify-types.ts';

export const worstFirst = [
  'OBJECT_MISSING',
  'OBJECT_DAMAGED',
  'SNAPSHOT_UNTRUSTED',
  'IDENTITY_WRONG',
] as const;

export interface Totals {
  objectsChecked: number;
  readonly keys: KeyCheck;
  readonly erasures: Erasures;
  readonly links: HistoryLink[];
  readonly unreadable: ListedSnapshot[];
  /** Encrypted ones. */
  opened: number;
  /** The first there was. */
  wrongKey: unknown;
}

export interface Work extends VerifyRequest {
  readonly pool: RestoreThreads;
  readonly checked: CheckedOnce;
}

export interface Found {
  readonly problem: VerifyProblem;
  readonly code: ErrorCode;
  /** It says that a stored object is not as it was written, which need not cost the snapshot anything. */
  readonly isDamage: boolean;
}

export interface Verified {
  readonly snapshot: Omit<VerifiedSnapshot, 'problems'>;
  readonly found: readonly Found[];
  /** Everything it has was read, as far as that can be. */
  readonly isRead?: true;
}

export async function verifySnapshot(
  request: Work,
  listed: ListedSnapshot,
  totals: Totals,
): Promise<Verified> {
  const found: Found[] = [];
  const add = (
    problem: Partial<VerifyProblem> & { readonly message: string },
    code?: ErrorCode,
    isDamage = false,
  ): void => {
    found.push({
      problem: { object: null, component: null, path: null, ...problem },
      code: worstFirst.find((one) => one === code) ?? 'OBJECT_DAMAGED',
      isDamage,
    });
  };
  const attempt = async (
    action: () => Promise<void>,
    about: Partial<VerifyProblem>,
    isStored = false,
  ): Promise<ErrorCode | null> => {
    try {
      await action();
      return null;
    } catch (error) {
      if (!isHoldfastError(error) || !/^(OBJECT_|FORMAT_|SNAPSHOT_|IDENTITY_WRONG)/.test(error.code))
        throw error;
      if (error.code === 'IDENTITY_WRONG') totals.wrongKey ??= error;
      add({ ...about, message: error.message }, error.code, isStored && error.code === 'OBJECT_DAMAGED');
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
    return { snapshot: { name: null, key: listed.key, locked: false }, found };
  }
  const any: AnySnapshot = snapshot;
  const { header, name } = any;
  for (const { key, code, message } of any.passedOver ?? []) add({ object: key, message }, code);
  const { trust } = request;
  if (trust !== undefined) await attempt(async () => requireTrusted(any, trust), { object: listed.key });
  // What a stranger's names is nothing to go by. Where nobody is trusted there is nothing else.
  if (trust !== undefined && !trustsNobody(trust) && distrustOf(any, trust) !== null) {
    totals.unreadable.push(listed);
    return { snapshot: { name, key: listed.key, locked: false }, found };
  }
  totals.links.push(linkOf(any));
  if ((await totals.erasures.of(header)) !== null)
    return { snapshot: { name, key: listed.key, locked: false, erased: true }, found };
  const noKey = await attempt(() => totals.keys.check(header), { object: listed.key });
  // What is missing is told once: reading it again would find the same.
  const gone = new Set<number>();
  const lost = new Map<number, string>();
  const objects = [...header.objects, ...header.references];
  request.checked.begin(header);
  await askSizes(request, objects);
  for (const object of objects) {
    totals.objectsChecked++;
    const about = { object: object.key, component: componentOf(any, object) };
    const wrong = await attempt(() => checkSize(request, object), about, true);
    if (wrong === 'OBJECT_MISSING') gone.add(object.number);
    // Of one that is there in another size, --read-data tells which parts can still be read.
    if (wrong === 'OBJECT_MISSING' || (wrong !== null && !request.readData))
      lost.set(object.number, `its content lies in ${object.key}, which is damaged or missing`);
    if (wrong === null && request.readData) await attempt(() => checkBytes(request, object), about, true);
  }
  // That its key is gone has been told.
  const whole = noKey !== null && any.body === null ? null : await openedOf(request, any, attempt);
  if (whole === null) return { snapshot: { name, key: listed.key, locked: found.length === 0 }, found };
  const { body } = whole;
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
      const reader = await openIndex(request.provider, whole, request.signal);
      if (body.contentRoot !== null && contentRoot(reader.root).toString('hex') !== body.contentRoot) {
        throw new HoldfastError('OBJECT_DAMAGED', 'the index is not the one the manifest was sealed with');
      }
      const used = await checkPages(reader, lost, failed);
      if (!request.readData) return;
      await verifyContents(request, reader, request.checked.pages(reader.root.objects, used), failed);
    },
    { object: indexKeyOf(whole) },
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
      await attempt(() => checkExport(request, whole, component), { component: component.name });
    }
  }
  const marked = body.lost === undefined ? {} : { lost: body.lost.count };
  return {
    snapshot: { name, key: listed.key, locked: false, ...marked },
    found,
    ...(request.readData ? { isRead: true } : {}),
  };
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
