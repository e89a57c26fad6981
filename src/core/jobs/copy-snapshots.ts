/**
 * Brings the copies elsewhere up to date: whatever of this addin configuration on this server the main
 * store has and a copy lacks, newest snapshots first, but for what was pruned from the copy or what its own
 * retention would let go at once. What protects snapshots goes before them.
 *
 * A copy is a store of its own; nothing is removed from it here but a manifest that was just put and turned
 * out to lack an object, or a key that was just put and destroyed meanwhile. One that fails stops neither the others
 * nor the run: it is an error in its report, and the next run goes on where this one stopped.
 */

import { setTimeout } from 'node:timers/promises';
import type { HoldfastError } from '../errors.ts';
import { type ListedSnapshot, listSnapshots } from './catalog.ts';
import { Arrivals } from './copy/arrivals.ts';
import { claimedRecord } from './copy/claimed-record.ts';
import { copyEvents } from './copy/copy-events.ts';
import { checkPlain, LackingKeys } from './copy/copy-keys.ts';
import { type CopyPath, lookAgain, type OpenStore, readManifest } from './copy/copy-one.ts';
import type { CopyRecord } from './copy/copy-record.ts';
import { copyUnderLock } from './copy/copy-under-lock.ts';
import { Doubts } from './copy/doubts.ts';
import { type CopyPlan, planAgain, planCopy, rounds } from './copy/plan.ts';
import {
  asError,
  type CopyFailure,
  type CopyReport,
  isDamage,
  isGoneFrom,
  isLocked,
  verdictOn,
} from './copy/report.ts';
import type { CopyRun, CopyTarget } from './copy/types.ts';
import { eachLimited } from './each-limited.ts';
import { standingOf } from './trust.ts';

/** So often in a row may a store refuse or break before the rest waits for the next run. */
const patience = 3;

/** One copy after the other. Whatever goes wrong is in the reports. */
export async function copySnapshots(run: CopyRun): Promise<readonly CopyReport[]> {
  const reports: CopyReport[] = [];
  for (const target of run.copies) {
    const report = await new Copying(run, target).run();
    reports.push(report);
    run.onEvent({ type: 'ended', report });
  }
  return reports;
}

interface Attempt {
  readonly record: CopyRecord;
  readonly doubts: Doubts;
  /** Until when an account is waited for that another job works on; null: it is left for the end. */
  readonly untilMs: number | null;
}

class Copying {
  readonly #run: CopyRun;
  readonly #target: CopyTarget;
  readonly #failures: CopyFailure[] = [];
  #copied = 0;
  #objects = 0;
  #bytes = 0;
  #untrusted = 0;
  #lacking: number | null = null;
  #deniedEvents = 0;
  /** Failures of a store since the last snapshot that went through. */
  #troubles = 0;
  /** Of accounts that another job was working on; tried once more at the end. */
  readonly #locked: ListedSnapshot[] = [];
  readonly #arrivals = new Arrivals();
  #keys: LackingKeys | null = null;

  constructor(run: CopyRun, target: CopyTarget) {
    this.#run = run;
    this.#target = target;
  }

  async run(): Promise<CopyReport> {
    let error: unknown = null;
    try {
      this.#run.signal.throwIfAborted();
      const target = await this.#target.open();
      try {
        await this.#copyTo(target);
      } finally {
        await target.store.close();
      }
    } catch (caught) {
      error = caught;
    }
    const report = {
      name: this.#target.name,
      copied: this.#copied,
      objects: this.#objects,
      bytes: this.#bytes,
      untrusted: this.#untrusted,
      lacking: this.#lacking,
      deniedEvents: this.#deniedEvents,
      failures: this.#failures,
    };
    return { ...report, error: verdictOn(report, error, this.#run.signal.aborted) };
  }

  async #copyTo(target: OpenStore): Promise<void> {
    const { addin, state, stateDir, world, signal, trust, allowPlaintext = false } = this.#run;
    const { retention } = this.#target;
    const record = await claimedRecord(this.#run, this.#target, target);
    const all = await listSnapshots(addin.store, { server: state.server.uuid }, signal);
    const present = new Set(all.flatMap(({ key, earlier = [] }) => [key, ...earlier.map((one) => one.key)]));
    const nowMs = world.now();
    const doubts = new Doubts(record, nowMs);
    const notes = { record, doubts };
    const server = state.server.uuid;
    const judged = trust === undefined ? {} : { trust };
    const planned = { source: addin, target, addin, server, retention, record, nowMs, signal, ...judged };
    try {
      const protections = await copyEvents(this.#path(target), { server, trust }, record);
      this.#failures.push(...protections.failures);
      this.#deniedEvents = protections.denied;
      let plan = await planCopy(planned, all);
      this.#lacking = plan.wanted.length;
      if (addin.encryption === 'none' && plan.wanted.length > 0 && !allowPlaintext)
        await checkPlain(this.#path(target), { server: state.server, addin: addin.name }, record);
      this.#keys = await LackingKeys.find(this.#path(target), { server, stateDir, ...judged }, record);
      await this.#keys.bring();
      await this.#copyPlanned(target, plan, notes);
      for (let owners = this.#arrivals.missedIn(plan); retention !== null && owners.size > 0; ) {
        plan = await planAgain(planned, all, { owners, missed: this.#arrivals.missed });
        this.#lacking += plan.wanted.length;
        await this.#copyPlanned(target, plan, notes);
        owners = this.#arrivals.missedIn(plan);
      }
      // Durably before the wait: whatever ends this process, the next run makes sure.
      if (record.doubtful.size > 0) await record.save(present);
      await this.#lookAgain(target, doubts);
    } finally {
      for (const key of this.#arrivals.refused()) record.leftOut.add(key);
      await record.save(present);
    }
  }

  async #copyPlanned(target: OpenStore, plan: CopyPlan, notes: Omit<Attempt, 'untilMs'>): Promise<void> {
    const { concurrency, world, lockWaitMs = 0 } = this.#run;
    const { wanted } = plan;
    this.#arrivals.expect(plan);
    const copyAll = async (snapshots: readonly ListedSnapshot[], untilMs: number | null): Promise<void> => {
      // An account's snapshots one after the other, since they may share objects.
      for (const round of rounds(snapshots)) {
        await eachLimited(round, concurrency, (listed) => this.#copy(target, listed, { ...notes, untilMs }));
      }
    };
    await copyAll(wanted, null);
    const locked = new Set(this.#locked);
    const left = wanted.filter((listed) => locked.has(listed));
    await copyAll(left, world.now() + lockWaitMs);
  }

  async #copy(
    target: OpenStore,
    listed: ListedSnapshot,
    { record, doubts, untilMs }: Attempt,
  ): Promise<void> {
    const { addin, signal, stateDir, world, trust } = this.#run;
    if (this.#troubles >= patience) return;
    let name = listed.key;
    try {
      signal.throwIfAborted();
      const manifest = await readManifest({ source: addin, signal }, listed, trust);
      name = manifest.name;
      if (trust !== undefined && standingOf(manifest, trust) !== 'trusted') {
        // Objects of ours could come from it in another's version, before our own snapshot names them.
        this.#untrusted += 1;
        this.#arrivals.note(listed.key, 'settled');
      } else if (manifest.header.addin.id === addin.id) {
        const wait = { untilMs: untilMs ?? Number.NEGATIVE_INFINITY, now: world.now, signal };
        const path = { ...this.#path(target), landed: record.landed, settleMs: this.#settleMs };
        const how = { stateDir, keys: this.#keys, wait, trust };
        const outcome = await copyUnderLock(path, manifest, how);
        if (outcome === 'doubtful') doubts.add(listed, world.now());
        this.#arrivals.note(listed.key, outcome === 'doubtful' ? 'doubtful' : 'settled');
        if (target.store.capabilities.putOnly) record.sent.add(listed.key);
        if (outcome !== 'erased') this.#copied += 1;
      } else {
        record.others.add(listed.key);
        this.#arrivals.note(listed.key, 'settled');
      }
      this.#lacking! -= 1;
      this.#troubles = 0;
    } catch (caught) {
      signal.throwIfAborted();
      const error = asError(caught);
      if (isLocked(error) && untilMs === null) this.#locked.push(listed);
      else {
        if (isDamage(error)) this.#arrivals.note(listed.key, 'missed');
        if (await isGoneFrom(addin.store, { error, listed, signal })) this.#lacking! -= 1;
        else this.#failed(name, error);
      }
    }
  }

  #failed(snapshot: string, error: HoldfastError): void {
    this.#failures.push({ snapshot, error });
    // Damage and locks concern one account; anything else is likely to meet the next one as well.
    if (!isDamage(error) && !isLocked(error)) this.#troubles += 1;
  }

  async #lookAgain(target: OpenStore, doubts: Doubts): Promise<void> {
    const { world, signal, concurrency } = this.#run;
    const waitMs = doubts.waitMs(this.#settleMs, world.now());
    if (waitMs > 0) await setTimeout(waitMs, undefined, { signal });
    await eachLimited(doubts.all, concurrency, async ({ listed, isEarlier }) => {
      let name = listed.key;
      try {
        const manifest = await readManifest({ source: target, signal }, listed);
        name = manifest.name;
        await lookAgain(this.#path(target), manifest);
        this.#arrivals.note(listed.key, 'settled');
        doubts.settle(listed.key);
      } catch (caught) {
        signal.throwIfAborted();
        const error = asError(caught);
        if (isEarlier === true) {
          // Taken back by then, or pruned from the copy since.
          if (name === listed.key && error.code === 'OBJECT_MISSING') {
            doubts.settle(listed.key);
            return;
          }
        } else this.#copied -= 1;
        this.#lacking! += 1;
        this.#failed(name, error);
      }
    });
  }

  get #settleMs(): number {
    return this.#run.settleMs ?? 10_000;
  }

  #path(target: OpenStore): CopyPath {
    const { addin, signal, world, onEvent } = this.#run;
    const onSent = (bytes: number): void => {
      this.#objects += 1;
      this.#bytes += bytes;
      onEvent({ type: 'sent', copy: this.#target.name, bytes, lacking: this.#lacking ?? 0 });
    };
    return { source: addin, target, now: world.now, signal, onSent };
  }
}
