/**
 * One run: backs up many accounts, several at once, and says how each ended.
 *
 * Accounts are independent: one that fails never stops the others. Those whose last good snapshots are
 * oldest come first, so that a run that is cut short does most where it is needed most.
 */

import { runKey } from '../../archive/keys.ts';
import type { AddinRef } from '../../archive/manifest.ts';
import type { DatabaseEngine } from '../../contracts/database.ts';
import type { Account } from '../../contracts/panel.ts';
import type { RequestedLevel } from '../../contracts/provider.ts';
import { errorCodes, HoldfastError } from '../../errors.ts';
import { beginRun, type RunHandle } from '../../state/run-records.ts';
import { openSigner } from '../../state/signing-key.ts';
import type { State } from '../../state/state.ts';
import { rememberPlace, requireSamePlace } from '../../state/store-places.ts';
import { bytesOf } from '../../streams.ts';
import { knownError } from '../../system-error.ts';
import { holdfastVersion, type OpenAddin } from '../addin.ts';
import type { CapturePool } from '../capture/pool.ts';
import type { Snapshot } from '../catalog.ts';
import { claimStore } from '../store-identity.ts';
import { openTrust } from '../trust.ts';
import { Turns } from '../turns.ts';
import { AccountQueue, type NextAccount } from './account-queue.ts';
import type { AccountSteps } from './account-steps.ts';
import { type BackUpAccount, type BackUpWorld, backUpAccount } from './back-up-account.ts';
import { type EarlyReads, readEarly } from './early-reads.ts';
import { MemoryKeeper } from './memory-keeper.ts';
import { inOrderOfNeed } from './order-of-need.ts';
import type { OwnDirectory } from './own-directories.ts';
import { checkEncryption } from './owner-epoch.ts';
import { RunTally } from './run-tally.ts';

export interface BackUpRun extends Pick<BackUpAccount, 'endImports'> {
  readonly addin: OpenAddin;
  readonly panelRef: AddinRef;
  readonly accounts: readonly Account[];
  readonly engines: readonly DatabaseEngine[];
  readonly state: State;
  readonly stateDir: string;
  /** Public keys beside this server's own whose snapshots new ones may refer to. */
  readonly trustedSigners?: readonly string[];
  readonly level: RequestedLevel;
  readonly checksum?: boolean;
  /** Plain backups are meant, although the store holds encrypted ones. */
  readonly allowPlaintext?: boolean;
  /** The level auto means a full where the last one is older; null: as the provider decides. */
  readonly fullEveryDays?: (account: Account) => number | null;
  /** The panel exports databases by itself as well: each snapshot with databases says so. */
  readonly exportsTwice?: boolean;
  /** Milliseconds for which accounts that other jobs work on are waited for, once all others are done; 0: not at all. */
  readonly lockWaitMs?: number;
  /** Accounts read at once; what one more refers to is looked up meanwhile, and four times as many may wait for the store. */
  readonly concurrency: number;
  readonly pool: CapturePool;
  readonly world: BackUpWorld & { readonly newUuid: () => string };
  readonly signal: AbortSignal;
  readonly onEvent: (event: BackUpEvent) => void;
  /** Twelve hex digits; a new one where nothing is said. */
  readonly runId?: string;
  /** The schedule began it. */
  readonly scheduled?: boolean;
  /** It is over all accounts of its configuration. */
  readonly whole?: boolean;
  /** Directories of ours, which are part of no backup. */
  readonly own?: readonly OwnDirectory[];
  readonly steps?: AccountSteps;
}

export type BackUpEvent =
  | { readonly type: 'started'; readonly site: string }
  /** All others are done, or under way. */
  | { readonly type: 'waiting'; readonly sites: readonly string[] }
  /** Plain bytes taken in since the last event, and the share of the account that is done; null where nobody knows. */
  | { readonly type: 'bytes'; readonly site: string; readonly bytes: number; readonly share: number | null }
  | { readonly type: 'ended'; readonly outcome: AccountOutcome }
  /** The state could not take what the run found, which costs the next one time; all snapshots are committed. */
  | { readonly type: 'unkept'; readonly message: string };

export type AccountOutcome =
  | { readonly account: Account; readonly snapshot: Snapshot; readonly error: null }
  | { readonly account: Account; readonly snapshot: null; readonly error: HoldfastError };

export interface BackUpReport {
  readonly runId: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Status for the process: of the worst account. */
  readonly exitStatus: number;
}

/**
 * @throws RECIPIENTS_UNUSABLE, STORE_ENCRYPTED, PREREQUISITE_MISSING, STORE_FOREIGN, STORE_UNAVAILABLE, STORE_DENIED before the first account; later trouble is in
 *   the events
 */
export async function backUp(run: BackUpRun): Promise<BackUpReport> {
  const { addin, state, world, signal } = run;
  const startedAtMs = world.now();
  const runId = run.runId ?? world.newObjectId().slice(0, 12);
  const signer = await openSigner(run.stateDir, state.server.uuid);
  const trust = await openTrust(run.stateDir, run.trustedSigners ?? []);
  const remembered = state.storeId(addin.name);
  const { place, where, copies } = addin;
  if (place !== undefined && remembered !== null && addin.store.capabilities.putOnly)
    await requireSamePlace(run.stateDir, addin.name, place);
  const { stateDir, allowPlaintext = false, scheduled = false, whole = false } = run;
  const plain = addin.encryption === 'none' && !allowPlaintext;
  const early = readEarly(addin.store, state.server, { plain, nowMs: startedAtMs }, signal);
  let storeId: string;
  let handle: RunHandle;
  try {
    storeId = await claimStore(addin.store, remembered, { ...world, signal, where, copies });
    await state.rememberStore(addin.name, storeId);
    if (place !== undefined) await rememberPlace(run.stateDir, addin.name, place);
    await checkEncryption({ addin, storeId, stateDir }, allowPlaintext, early.beside);
    const about = { id: runId, addin: addin.name, startedAtMs, scheduled, whole };
    handle = await beginRun(run.stateDir, { ...about, accounts: run.accounts.length });
  } catch (error) {
    early.abandon();
    throw error;
  }
  try {
    const tally = await backUpAll(run, { storeId, signer, trust }, { handle, early });
    const unkept = await tally.keep(stateDir, addin.id);
    if (unkept !== null) run.onEvent({ type: 'unkept', message: unkept });
    const exitStatus = signal.aborted ? errorCodes.INTERRUPTED.exit : tally.exitStatus;
    const report = { runId, startedAtMs, endedAtMs: world.now(), exitStatus };
    if (!signal.aborted) await writeRun(run, report, tally);
    return report;
  } finally {
    early.abandon();
    await (signal.aborted ? handle.interrupted() : handle.end());
  }
}

const manyAccounts = 1000;
/** Accounts that wait for the store, for each that is read: what a disk makes durable at once costs it little more. */
const mostSettling = 4;

/** The same for all accounts of a run. */
type Common = Pick<BackUpAccount, 'storeId' | 'signer' | 'trust'>;

async function backUpAll(
  run: BackUpRun,
  common: Common,
  { handle, early }: { readonly handle: RunHandle; readonly early: EarlyReads },
): Promise<RunTally> {
  await run.state.sightAll(run.accounts);
  const queue = new AccountQueue(await inOrderOfNeed(run, await early.lastGood), run);
  const tally = new RunTally(handle.id);
  const memory = new MemoryKeeper(run.accounts.length >= manyAccounts);
  const turns = new Turns(run.concurrency);
  memory.look(run.world.now());
  const worker = async (): Promise<void> => {
    const settling = new Set<Promise<void>>();
    for (let next = await queue.next(); next !== null; next = await queue.next()) {
      const captured = Promise.withResolvers<void>();
      const ended = one(run, next, common, { turns, onCaptured: captured.resolve }).then(async (outcome) => {
        tally.add(outcome);
        await run.steps?.ended(outcome);
        run.onEvent({ type: 'ended', outcome });
        const code = outcome.error?.code ?? null;
        await Promise.all([handle.done(code, run.world.now()), tally.keepMeanwhile(run)]);
        memory.look(run.world.now());
      });
      // While the store makes one account durable, the next one is read already.
      const settled: Promise<void> = ended.finally(() => settling.delete(settled));
      settling.add(settled);
      await Promise.race([captured.promise, settled]);
      while (settling.size > mostSettling) await Promise.race(settling);
    }
    await Promise.all(settling);
  };
  // What the next one refers to is looked up while those before it are read.
  await Promise.all(Array.from({ length: Math.max(1, run.concurrency) + 1 }, worker));
  return tally;
}

async function one(
  run: BackUpRun,
  next: NextAccount,
  common: Common,
  { turns, onCaptured }: { readonly turns: Turns; readonly onCaptured: () => void },
): Promise<AccountOutcome> {
  const { account, owner } = next;
  const { site } = account;
  if (owner === null) return { account, snapshot: null, error: asError(next.cause, run.signal) };
  let endTurn = (): void => {};
  try {
    run.signal.throwIfAborted();
    await run.steps?.before('account', account);
    run.onEvent({ type: 'started', site });
    const snapshot = await backUpAccount({
      ...run,
      ...common,
      ...{ account, owner, former: run.state.former(account, owner) },
      begin: async () => {
        endTurn = await turns.take();
      },
      onCaptured() {
        endTurn();
        onCaptured();
      },
      server: run.state.server.uuid,
      onBytes: (bytes, share) => run.onEvent({ type: 'bytes', site, bytes, share }),
    });
    return { account, snapshot, error: null };
  } catch (cause) {
    return { account, snapshot: null, error: asError(cause, run.signal) };
  } finally {
    next.lock.release();
    endTurn();
  }
}

function asError(cause: unknown, signal: AbortSignal): HoldfastError {
  if (signal.aborted) return new HoldfastError('INTERRUPTED', 'the backup was interrupted', { cause });
  const known = knownError(cause);
  if (known !== null) return known;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError('INTERNAL', message, { cause, hint: 'Please report this as a defect.' });
}

/** Says in the store that the run ended, and with which manifests. */
async function writeRun(run: BackUpRun, report: BackUpReport, tally: RunTally): Promise<void> {
  const { addin, state, signal } = run;
  const document = {
    format: 1,
    id: report.runId,
    server: state.server.uuid,
    addin: { id: addin.id, name: addin.name },
    startedAt: new Date(report.startedAtMs).toISOString(),
    endedAt: new Date(report.endedAtMs).toISOString(),
    exitStatus: report.exitStatus,
    manifests: tally.manifests,
    failed: tally.failed,
    writtenBy: holdfastVersion,
  };
  const text = Buffer.from(`${JSON.stringify(document)}\n`);
  await addin.provider.put({
    kind: 'run',
    key: runKey(state.server.uuid, report.startedAtMs, report.runId),
    body: bytesOf(text),
    sizeBytes: text.length,
    createOnly: true,
    signal,
  });
}
