/**
 * Whether a snapshot may be restored with all its rights, and whose files it becomes where it may not.
 *
 * What the snapshot says of its owner counts for nothing here: the ids are those of the live account, or
 * were typed.
 */

import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import type { Snapshot } from '../core/jobs/catalog.ts';
import type { Restriction } from '../core/jobs/restore/restriction.ts';
import { quoted } from '../core/printable.ts';
import { readLineage } from '../core/state/lineages.ts';
import type { CliContext } from './command.ts';
import type { FailedComponent } from './documents/snapshot.ts';
import { type FindLive, liveAccounts } from './live-account.ts';
import { openPanel } from './opened.ts';
import type { StoreSession } from './store-session.ts';
import { requireTrustedSnapshot } from './trusted-snapshot.ts';

export interface RestrictedOptions {
  readonly restricted?: true;
  readonly owner?: string;
  readonly inPlace?: true;
  readonly all?: true;
}

/** Before any store is opened. @throws USAGE */
export function checkRestricted({ restricted, owner, inPlace }: RestrictedOptions): void {
  const usage = (message: string, hint: string): HoldfastError =>
    new HoldfastError('USAGE', message, { hint });
  if (owner !== undefined) {
    if (restricted === undefined) throw usage('--owner belongs to --restricted', 'Add --restricted.');
    parseOwner(owner);
  }
  if (restricted === true && inPlace === true) {
    throw usage('--restricted and --in-place exclude each other', 'Restore with --to DIR.');
  }
}

/**
 * Null: everything is given back as it was.
 *
 * @throws SNAPSHOT_UNTRUSTED the snapshot is not trusted, and nothing was said of it
 * @throws USAGE nobody knows whose files they are to be
 */
export type RestrictionOf = (snapshot: Snapshot) => Promise<Restriction | null>;

/** For one snapshot or for many: the panel is asked once, where it has to be. */
export function restrictions(
  context: CliContext,
  session: StoreSession,
  { restricted, owner }: RestrictedOptions,
): RestrictionOf {
  if (restricted === undefined) {
    return async (snapshot) => {
      await requireTrustedSnapshot(session, snapshot);
      return null;
    };
  }
  if (owner !== undefined) {
    const named = parseOwner(owner);
    return async () => named;
  }
  let finding: Promise<FindLive> | null = null;
  return async (snapshot) => {
    finding ??= openLive(context, session);
    return liveOwner(await finding.catch(ownerUnknown), snapshot);
  };
}

async function openLive(context: CliContext, { loaded }: StoreSession): Promise<FindLive> {
  const { panel } = await openPanel(loaded, context.world);
  return liveAccounts(context, panel, loaded);
}

const ownerHint = 'Add --owner UID:GID with the ids of the account.';

function ownerUnknown(cause: unknown): never {
  if (!isHoldfastError(cause)) throw cause;
  const message = `whose files these are to be is not known: ${cause.message}`;
  throw new HoldfastError('USAGE', message, { cause, hint: ownerHint });
}

async function liveOwner(find: FindLive, snapshot: Snapshot): Promise<Restriction> {
  const { account } = await find(snapshot).catch(ownerUnknown);
  if (account.owner !== null && account.owner.uid > 0 && account.owner.gid > 0) return account.owner;
  throw new HoldfastError('USAGE', 'the account has no user of its own on this server', { hint: ownerHint });
}

/** @throws USAGE not two positive numbers */
function parseOwner(text: string): Restriction {
  const [, uid, gid] = /^(\d{1,10}):(\d{1,10})$/.exec(text) ?? [];
  const found = { uid: Number(uid), gid: Number(gid) };
  const fits = (id: number): boolean => id > 0 && id < 0xffffffff;
  if (fits(found.uid) && fits(found.gid)) return found;
  throw new HoldfastError('USAGE', `${quoted(text)} is no owner`, {
    hint: 'Give two numbers, such as --owner 1001:1001; neither may be 0.',
  });
}

/**
 * What to say of `latest` where this server has made a later snapshot of the account than the store has:
 * somebody removed it, or put back an older state of the store. Empty where nothing is missing.
 */
export async function laterSnapshots(
  { output }: CliContext,
  { loaded }: StoreSession,
  { header, name }: Snapshot,
  { latest, copy }: { readonly latest: boolean; readonly copy: string | undefined },
): Promise<FailedComponent[]> {
  // A copy may lag behind.
  if (!latest || copy !== undefined) return [];
  const { stateDir } = loaded.configuration;
  const last = (await readLineage(stateDir, header.addin.id, header.owner))?.last;
  if (last?.lineage !== header.lineage || last.sequence <= header.sequence) return [];
  const message = `${name} is number ${header.sequence}, but this server made number ${last.sequence}, which is not in the store`;
  output.note(`warning: ${message}`);
  return [{ component: 'account', code: 'OBJECT_MISSING', message, wanted: true }];
}
