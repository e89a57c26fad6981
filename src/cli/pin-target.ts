/** What `pin` and `unpin` are about: one snapshot, or with `all` every one of an account. */

import type { Command } from 'commander';
import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import type { AnySnapshot } from '../core/jobs/catalog.ts';
import type { PinRequest, PinTarget } from '../core/jobs/pin.ts';
import type { CliContext } from './command.ts';
import { resolveAnySnapshot } from './find-snapshot.ts';
import { eventSigner } from './own-signer.ts';
import { ownersOf } from './owners-of-account.ts';
import { listCandidates, type Search } from './search.ts';
import type { StoreSession } from './store-session.ts';

export interface PinOptions {
  readonly addin?: string;
  readonly copy?: string;
  readonly account?: string;
  readonly legalHold?: true;
}

export interface PinPlace {
  /** Id of the snapshot, or null for all of the account. */
  readonly snapshot: string | null;
  /** Id of the newest one of its databases only, which `latest` means as well; else null. */
  readonly databases: string | null;
  readonly account: string;
  /** One request, or for a whole account one for each server that has snapshots of it, and one for its databases' there. */
  readonly requests: readonly PinRequest[];
}

const help = `
Pins, legal holds and their ends hold in the copies of the addin configuration as well. They are put there at once; a copy
that cannot be reached is named and has them after the next backup. One that --copy sets or ends concerns that copy alone.`;

export function definePinTarget(command: Command): Command {
  return command
    .addHelpText('after', help)
    .argument(
      '<snapshot>',
      'id, a unique beginning of it, or latest (also the latest of its databases only); with --legal-hold also all',
    )
    .option('--account <account>', 'site, domain or UUID; needed with latest and all')
    .option('--addin <name>', 'addin configuration; may be left out where there is only one')
    .option('--copy <name>', 'in this copy alone (default: in the main store, and so in its copies)')
    .option('--legal-hold', 'a legal hold: outranks every other rule and has no end of its own');
}

/** @throws USAGE, ACCOUNT_NOT_FOUND, SNAPSHOT_NOT_FOUND */
export async function pinPlace(
  context: CliContext,
  session: StoreSession,
  wanted: string,
  { account, legalHold }: PinOptions,
): Promise<PinPlace> {
  const { signal } = context;
  const { search, trust } = session;
  const { store, provider } = session.opened;
  const { now, newObjectId } = context.world;
  const world = { now, newObjectId, signer: await eventSigner(context, session) };
  const request = (target: PinTarget): PinRequest => ({ store, provider, target, trust, world, signal });
  if (wanted !== 'all') {
    const databases = wanted === 'latest' ? await latestOfDatabases(search, account!) : null;
    const snapshot = await resolveAnySnapshot(search, wanted, account).catch((error: unknown) => {
      const none = isHoldfastError(error) && error.code === 'SNAPSHOT_NOT_FOUND';
      if (!none || databases === null) throw error;
      return databases;
    });
    return {
      snapshot: snapshot.name,
      databases: databases === snapshot ? null : (databases?.name ?? null),
      account: snapshot.body?.account.site ?? snapshot.header.owner,
      requests: [...new Set([snapshot, databases ?? snapshot])].map((one) => request({ snapshot: one })),
    };
  }
  if (account === undefined || legalHold !== true) {
    throw new HoldfastError('USAGE', '"all" needs an account and is for legal holds', {
      hint: 'Add --account A and --legal-hold, or name one snapshot.',
    });
  }
  const owners = await ownersOf(search, [account]);
  const listed = await Promise.all(owners.map((owner) => listCandidates(search, owner)));
  const servers = [...new Set(listed.flat().map(({ server }) => server))];
  if (servers.length === 0) {
    throw new HoldfastError('SNAPSHOT_NOT_FOUND', 'there is no snapshot of this account', {
      hint: 'Run `holdfast backup` first.',
    });
  }
  // Also where there are none of its databases yet: what is to come is meant as well.
  const requests = servers.flatMap((server) =>
    owners.map((owner) => request({ snapshot: null, server, owner })),
  );
  return { snapshot: null, databases: null, account, requests };
}

/** Null where there are none. */
async function latestOfDatabases(search: Search, account: string): Promise<AnySnapshot | null> {
  const [, owner] = await ownersOf(search, [account]);
  if (owner === undefined || (await listCandidates(search, owner)).length === 0) return null;
  return resolveAnySnapshot(search, 'latest', owner);
}
