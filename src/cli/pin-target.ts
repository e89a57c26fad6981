/** What `pin` and `unpin` are about: one snapshot, or with `all` every one of an account. */

import type { Command } from 'commander';
import { HoldfastError } from '../core/errors.ts';
import type { PinRequest, PinTarget } from '../core/jobs/pin.ts';
import type { CliContext } from './command.ts';
import { listCandidates, ownerOf, resolveAnySnapshot } from './find-snapshot.ts';
import { eventSigner } from './own-signer.ts';
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
  readonly account: string;
  /** One request, or for a whole account one for each server that has snapshots of it. */
  readonly requests: readonly PinRequest[];
}

export function definePinTarget(command: Command): Command {
  return command
    .argument('<snapshot>', 'id, a unique beginning of it, or latest; with --legal-hold also all')
    .option('--account <account>', 'site, domain or UUID; needed with latest and all')
    .option('--addin <name>', 'addin configuration; may be left out where there is only one')
    .option('--copy <name>', 'in this copy, not in the main store')
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
    const snapshot = await resolveAnySnapshot(search, wanted, account);
    return {
      snapshot: snapshot.name,
      account: snapshot.body?.account.site ?? snapshot.header.owner,
      requests: [request({ snapshot })],
    };
  }
  if (account === undefined || legalHold !== true) {
    throw new HoldfastError('USAGE', '"all" needs an account and is for legal holds', {
      hint: 'Add --account A and --legal-hold, or name one snapshot.',
    });
  }
  const owner = await ownerOf(search, account);
  const servers = [...new Set((await listCandidates(search, owner)).map(({ server }) => server))];
  if (servers.length === 0) {
    throw new HoldfastError('SNAPSHOT_NOT_FOUND', 'there is no snapshot of this account', {
      hint: 'Run `holdfast backup` first.',
    });
  }
  const requests = servers.map((server) => request({ snapshot: null, server, owner }));
  return { snapshot: null, account, requests };
}
