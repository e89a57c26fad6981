/**
 * Restores the trees of a live account, or paths of them, where they are: only what differs is rewritten.
 *
 * The plan comes first, for what it needs of space and quota; then the same pass changes what it listed. A run
 * that stops half-way is finished by the next one, which finds the rest and what the first left behind.
 */

import { comparePaths } from '../../archive/entry.ts';
import type { CallOptions } from '../../contracts/store.ts';
import { errorCodes, HoldfastError } from '../../errors.ts';
import { flushFileSystem } from '../../filesystem/flush.ts';
import { shown, shownWithEncoding } from '../../filesystem/path-text.ts';
import { throwIfInterrupted } from '../../interruption.ts';
import { printable } from '../../printable.ts';
import { lockAccount } from '../account-lock.ts';
import { WarningList } from '../backup/warnings.ts';
import { openIndex } from '../index-reader.ts';
import { warnOfTrees } from '../restore/backup-warnings.ts';
import { Frames, fetchFrom } from '../restore/frames.ts';
import { pathsWanted, treeName } from '../restore/paths-wanted.ts';
import type { RestoreFailure } from '../restore/types.ts';
import { keptPaths, refuseUnlisted } from './kept-paths.ts';
import { LiveTree } from './live-tree.ts';
import { OtherNames } from './other-names.ts';
import { Pass } from './pass.ts';
import type { PassOptions, PassOutlet } from './pass-options.ts';
import { kernelLimits, type ReadLimits, refuseShortages } from './space.ts';
import { type InPlaceAction, type InPlaceReport, type InPlaceRequest, inPlaceActions } from './types.ts';

const listedFailures = 1000;

/**
 * @throws PATH_NOT_FOUND, ACCOUNT_LOCKED, OBJECT_MISSING, OBJECT_DAMAGED before anything was changed
 * @throws TARGET_UNWRITABLE a tree cannot be written safely, or there is no room for the plan: nothing was
 *   changed; or the file system is full after all: what was restored stays
 * @throws STORE_UNAVAILABLE, INTERRUPTED what was restored so far stays, and a repeat does the rest
 * @throws TARGET_UNWRITABLE what was written has not reached the disk, says the kernel at the end
 * @throws PANEL_UNREADABLE all is restored, and the panel could not be told
 */
export async function restoreInPlace(request: InPlaceRequest): Promise<InPlaceReport> {
  const { snapshot, account, signal } = request;
  if (account.state === 'editing') {
    throw new HoldfastError(
      'ACCOUNT_LOCKED',
      `the panel is in the middle of an edit of ${printable(account.site)}`,
      {
        hint: 'Finish or undo the edit in the panel, then restore again.',
      },
    );
  }
  const lock = lockAccount(request.stateDir, snapshot.header.owner, account.site);
  const trees = new Map<string, LiveTree>();
  try {
    const reader = await openIndex(request.provider, snapshot, signal);
    if (request.delete) refuseUnlisted(snapshot);
    const within = [...(await pathsWanted(reader, request))].sort(comparePaths);
    const wanted = within.some((path) => path.length === 0)
      ? reader.root.trees.map(({ name }) => name)
      : [...new Set(within.map((path) => treeName({ path })))];
    for (const name of wanted) trees.set(name, await openTree(request, name));
    const pass: Omit<PassOptions, 'apply' | 'hash' | 'outlet'> = {
      ...request,
      reader,
      trees,
      within,
      others: new OtherNames(reader, within),
      frames: new Frames(reader.root.objects, fetchFrom(request.provider, reader.root.objects, signal)),
      keeps: keptPaths(snapshot, account),
      checkStop: () => throwIfInterrupted(signal, 'the restore'),
    };
    const result = new Result(request, wanted);
    warnOfTrees(snapshot, within, result.outlet.warn);
    if (request.dryRun) {
      const plan = new Pass({ ...pass, apply: false, hash: true, outlet: result.outlet });
      await plan.run();
      refuseShortages(shortagesOf(plan, trees, request.readLimits));
      return result.report();
    }
    await checkRoom(request, pass, trees);
    try {
      await new Pass({ ...pass, apply: true, hash: true, outlet: result.outlet }).run();
    } catch (error) {
      // What has been restored stays, and the panel's trouble with it is the lesser one.
      await settle(request, trees, result).catch(() => {});
      throw error;
    }
    await settle(request, trees, result);
    return result.report();
  } finally {
    for (const tree of trees.values()) tree.close();
    lock.release();
  }
}

/** Flushes everything to disk and tells the panel, also of a restore that was interrupted. */
async function settle(
  { panel, account, signal }: InPlaceRequest,
  trees: ReadonlyMap<string, LiveTree>,
  { changed }: Result,
): Promise<void> {
  let unwritten: unknown = null;
  try {
    for (const { look, name } of trees.values()) flushFileSystem(look.root, name);
  } catch (error) {
    unwritten = error;
  }
  const still = signal.aborted ? new AbortController().signal : signal;
  const telling = changed ? panel.afterRestore({ account, trees: [...trees.keys()], signal: still }) : null;
  if (unwritten !== null) {
    await telling?.catch(() => {});
    throw unwritten;
  }
  await telling;
}

/** @throws TARGET_UNWRITABLE with the panel's reason */
async function openTree(
  { account, panel, signal, snapshot }: InPlaceRequest,
  name: string,
): Promise<LiveTree> {
  const tree = account.trees.find((one) => one.name === name);
  const refuse = (reason: string): HoldfastError =>
    new HoldfastError(
      'TARGET_UNWRITABLE',
      `cannot restore ${name} of ${printable(account.site)} in place: ${reason}`,
      {
        hint: 'Restore with --to DIR and copy what is needed.',
      },
    );
  if (tree === undefined) throw refuse('the account has no such tree now');
  if (tree.include !== undefined) throw refuse('it is a selection of paths, not a tree');
  const component = snapshot.body.components.find((one) => one.type === 'tree' && one.name === name);
  if (component?.state !== 'complete') throw refuse('the snapshot does not hold it whole');
  const options: CallOptions = { signal };
  const writable = await panel.writablePath({ account, tree: name, ...options });
  if (writable.path === null) throw refuse(printable(writable.reason, 500));
  return new LiveTree(name, tree.path, writable.path);
}

/** Plans without hashing where there is plenty of room, exactly where there is not. */
async function checkRoom(
  request: InPlaceRequest,
  pass: Omit<PassOptions, 'apply' | 'hash' | 'outlet'>,
  trees: ReadonlyMap<string, LiveTree>,
): Promise<void> {
  const planned = { actions: 0, bytes: 0 };
  const outlet: PassOutlet = {
    action(_action, _path, bytes) {
      planned.actions++;
      planned.bytes += bytes;
    },
    untouched() {},
    failed() {},
    failedBelow() {},
    warn() {},
  };
  for (const hash of [false, true]) {
    Object.assign(planned, { actions: 0, bytes: 0 });
    const plan = new Pass({ ...pass, apply: false, hash, outlet });
    await plan.run();
    const shortages = shortagesOf(plan, trees, request.readLimits);
    if (shortages.length > 0 && plan.unsure) continue;
    refuseShortages(shortages);
    break;
  }
  request.onEvent({ type: 'planned', ...planned });
}

function shortagesOf(
  plan: Pass,
  trees: ReadonlyMap<string, LiveTree>,
  read: ReadLimits = kernelLimits,
): readonly string[] {
  const [first] = trees.values();
  return first === undefined ? [] : plan.ledger.shortages(first.look.root, read);
}

class Result {
  readonly outlet: PassOutlet;
  readonly #trees: readonly string[];
  readonly #actions = Object.fromEntries(inPlaceActions.map((one) => [one, 0])) as Record<
    InPlaceAction,
    number
  >;
  readonly #failures: RestoreFailure[] = [];
  readonly #warnings = new WarningList();
  #failureCount = 0;
  #lostInStore = false;
  #bytes = 0;
  #untouched = 0;

  constructor({ onEvent }: InPlaceRequest, trees: readonly string[]) {
    this.#trees = trees;
    this.outlet = {
      action: (action, path, bytes) => {
        this.#actions[action]++;
        this.#bytes += bytes;
        onEvent({ type: 'action', action, path, bytes });
      },
      untouched: () => this.#untouched++,
      failed: (path, message, lost = false) => {
        this.#failureCount++;
        this.#lostInStore ||= lost;
        if (this.#failures.length < listedFailures) this.#failures.push({ path: shown(path), message });
      },
      failedBelow: () => this.#failureCount++,
      warn: (code, path, message) =>
        this.#warnings.add({ code, component: treeName({ path }), ...shownWithEncoding(path), message }),
    };
  }

  get changed(): boolean {
    return Object.values(this.#actions).some((count) => count > 0) || this.#failureCount > 0;
  }

  report(): InPlaceReport {
    const warned = this.#warnings.total > 0 ? errorCodes.FINISHED_WITH_WARNINGS.exit : 0;
    return {
      actions: this.#actions,
      bytes: this.#bytes,
      untouched: this.#untouched,
      trees: this.#trees,
      warnings: this.#warnings.first,
      warningCounts: this.#warnings.counts,
      failures: this.#failures,
      failureCount: this.#failureCount,
      lostInStore: this.#lostInStore,
      exitStatus: this.#failureCount > 0 ? errorCodes.RESTORE_INCOMPLETE.exit : warned,
    };
  }
}
