/**
 * Brings the copies elsewhere up to date: whatever of this addin configuration on this server the main
 * store has and a copy lacks, newest snapshots first.
 *
 * A copy is a store of its own; nothing is ever removed from it here. One that fails stops neither the
 * others nor the run: it is an error in its report, and the next run goes on where this one stopped.
 */

import { type ErrorCode, errorCodes, HoldfastError, isHoldfastError } from '../errors.ts';
import type { State } from '../state/state.ts';
import type { OpenAddin } from './addin.ts';
import { type ListedSnapshot, listSnapshots } from './catalog.ts';
import { copyOne, type OpenStore, readManifest } from './copy/copy-one.ts';
import { CopyRecord } from './copy/copy-record.ts';
import { eachLimited } from './each-limited.ts';
import { claimCopy, readStoreFile } from './store-identity.ts';

export interface CopyTarget {
  /** Unique in its addin configuration; the state remembers the store under it. */
  readonly name: string;
  /** Called once; the store is closed by the job. Where it rejects, this copy alone fails. */
  readonly open: () => Promise<OpenStore>;
}

export interface CopyRun {
  readonly addin: OpenAddin;
  readonly copies: readonly CopyTarget[];
  readonly state: State;
  readonly stateDir: string;
  /** Snapshots under way at once. */
  readonly concurrency: number;
  readonly world: { readonly now: () => number; readonly newUuid: () => string };
  readonly signal: AbortSignal;
  readonly onEvent: (event: CopyEvent) => void;
}

export type CopyEvent =
  | { readonly type: 'sent'; readonly copy: string; readonly bytes: number }
  | { readonly type: 'ended'; readonly report: CopyReport };

export interface CopyFailure {
  /** Id of the snapshot, or its manifest's key where that cannot be read. */
  readonly snapshot: string;
  readonly error: HoldfastError;
}

export interface CopyReport {
  readonly name: string;
  /** Snapshots that were copied by this run. */
  readonly copied: number;
  /** Objects that were sent, manifests included, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  /** Snapshots it still lacks, tried or not; null where that could not be found out. */
  readonly lacking: number | null;
  readonly failures: readonly CopyFailure[];
  /** COPY_FAILED or INTERRUPTED; null where the copy has everything. */
  readonly error: HoldfastError | null;
}

/** So often in a row may a store refuse or break before the rest waits for the next run. */
const patience = 3;

/** One copy after the other. Whatever goes wrong is in the reports. */
export async function copySnapshots(run: CopyRun): Promise<readonly CopyReport[]> {
  const reports: CopyReport[] = [];
  for (const target of run.copies) {
    const report = await new Copying(run, target.name).run(target.open);
    reports.push(report);
    run.onEvent({ type: 'ended', report });
  }
  return reports;
}

/** Of a run whose backups ended with `exitStatus`: a failed copy outranks warnings, not other errors. */
export function statusWithCopies(exitStatus: number, reports: readonly CopyReport[]): number {
  const errors = reports.flatMap(({ error }) => (error === null ? [] : [errorCodes[error.code].exit]));
  const worst = Math.max(0, ...errors);
  const spared = exitStatus === 0 || (exitStatus >= 100 && exitStatus < 128);
  return worst > 0 && (spared || worst >= 128) ? worst : exitStatus;
}

class Copying {
  readonly #run: CopyRun;
  readonly #name: string;
  readonly #failures: CopyFailure[] = [];
  #copied = 0;
  #objects = 0;
  #bytes = 0;
  #lacking: number | null = null;
  /** Failures of a store since the last snapshot that went through. */
  #troubles = 0;

  constructor(run: CopyRun, name: string) {
    this.#run = run;
    this.#name = name;
  }

  async run(open: CopyTarget['open']): Promise<CopyReport> {
    let error: unknown = null;
    try {
      this.#run.signal.throwIfAborted();
      const target = await open();
      try {
        await this.#copyTo(target);
      } finally {
        await target.store.close();
      }
    } catch (caught) {
      error = caught;
    }
    return {
      name: this.#name,
      copied: this.#copied,
      objects: this.#objects,
      bytes: this.#bytes,
      lacking: this.#lacking,
      failures: this.#failures,
      error: this.#verdict(error),
    };
  }

  async #copyTo(target: OpenStore): Promise<void> {
    const { addin, state, stateDir, world, signal, concurrency } = this.#run;
    if (addin.store.capabilities.putOnly) throw unreadable();
    const slot = `${addin.name}/${this.#name}`;
    const file = await readStoreFile(addin.store, signal);
    if (file === null) throw new HoldfastError('STORE_FOREIGN', 'the main store has lost its holdfast.json');
    const origins = [file.store, ...(file.origins ?? [])] as const;
    const id = await claimCopy(target.store, state.storeId(slot), origins, { ...world, signal });
    await state.rememberStore(slot, id);
    const record = await CopyRecord.open(stateDir, { addin: addin.name, copy: this.#name }, id);
    const server = state.server.uuid;
    const all = await listSnapshots(addin.store, { server }, signal);
    const has = await this.#held(target, server, record);
    const lacking = all.filter((listed) => !has(listed) && !record.others.has(listed.key));
    this.#lacking = lacking.length;
    try {
      // An account's snapshots one after the other, since they may share objects.
      for (const round of rounds(lacking)) {
        await eachLimited(round, concurrency, (listed) => this.#copy(target, listed, record));
      }
    } finally {
      await record.save(new Set(all.map(({ key }) => key)));
    }
  }

  /** Tells whether the copy has a snapshot, in this revision or a later one. */
  async #held(
    { store }: OpenStore,
    server: string,
    record: CopyRecord,
  ): Promise<(listed: ListedSnapshot) => boolean> {
    if (store.capabilities.putOnly) return ({ key }) => record.sent.has(key);
    const slot = ({ owner, id }: ListedSnapshot): string => `${owner}/${id}`;
    const held = await listSnapshots(store, { server }, this.#run.signal);
    const revisions = new Map(held.map((one) => [slot(one), one.revision]));
    return (listed) => (revisions.get(slot(listed)) ?? -1) >= listed.revision;
  }

  async #copy(target: OpenStore, listed: ListedSnapshot, record: CopyRecord): Promise<void> {
    const { addin, signal, onEvent } = this.#run;
    if (this.#troubles >= patience) return;
    let name = listed.key;
    try {
      signal.throwIfAborted();
      const manifest = await readManifest({ source: addin, signal }, listed);
      name = manifest.name;
      if (manifest.header.addin.id === addin.id) {
        const onSent = (bytes: number): void => {
          this.#objects += 1;
          this.#bytes += bytes;
          onEvent({ type: 'sent', copy: this.#name, bytes });
        };
        await copyOne({ source: addin, target, signal, onSent }, manifest);
        if (target.store.capabilities.putOnly) record.sent.add(listed.key);
        this.#copied += 1;
      } else record.others.add(listed.key);
      this.#lacking! -= 1;
      this.#troubles = 0;
    } catch (caught) {
      signal.throwIfAborted();
      const error = asError(caught);
      this.#failures.push({ snapshot: name, error });
      // Damage concerns one snapshot; anything else is likely to meet the next one as well.
      if (!/^(?:OBJECT|FORMAT)_/.test(error.code)) this.#troubles += 1;
    }
  }

  #verdict(caught: unknown): HoldfastError | null {
    const { signal } = this.#run;
    if (caught === null && this.#failures.length === 0) return null;
    const fail = (code: ErrorCode, message: string, cause: unknown, hint?: string): HoldfastError =>
      new HoldfastError(code, message, { cause, ...(hint === undefined ? {} : { hint }) });
    if (signal.aborted) return fail('INTERRUPTED', `the copy ${this.#name} was interrupted`, caught);
    if (caught !== null) {
      const { message, hint } = asError(caught);
      return fail('COPY_FAILED', `the copy ${this.#name} failed: ${message}`, caught, hint);
    }
    const { snapshot, error } = this.#failures[0]!;
    const lacks = `${this.#lacking} snapshot${this.#lacking === 1 ? '' : 's'}`;
    const message = `the copy ${this.#name} lacks ${lacks}; ${snapshot}: ${error.message}`;
    return fail('COPY_FAILED', message, error, error.hint);
  }
}

/** Newest first: the newest snapshot of every account, then the second newest of each, and so on. */
function rounds(lacking: readonly ListedSnapshot[]): ListedSnapshot[][] {
  const result: ListedSnapshot[][] = [];
  for (const ofOwner of Map.groupBy(lacking, ({ owner }) => owner).values()) {
    for (const [depth, listed] of ofOwner.toReversed().entries()) {
      result[depth] ??= [];
      result[depth].push(listed);
    }
  }
  for (const round of result) round.sort((a, b) => b.atMs - a.atMs);
  return result;
}

function asError(caught: unknown): HoldfastError {
  if (isHoldfastError(caught)) return caught;
  const message = caught instanceof Error ? caught.message : String(caught);
  return new HoldfastError('INTERNAL', message, { cause: caught, hint: 'Please report this as a defect.' });
}

function unreadable(): HoldfastError {
  return new HoldfastError('STORE_DENIED', 'the main store is put-only, so nothing can be copied from it', {
    hint: 'Give the main store credentials that can read, or copy it from a server that can.',
  });
}
