/**
 * Starts the dumps of one account so that they share an instant: by the barrier, else as one joint
 * dump. A database that cannot be dumped never costs the others: it fails alone.
 */

import type { Consistency, DatabaseExport, DatabaseWarning, ExportSet } from '../../contracts/database.ts';
import { quoted } from '../../printable.ts';
import type { ClientDump } from '../client-dump.ts';
import { within } from '../within.ts';
import { forgetLockWait, type LockOutcome, lockTables, unlockTables } from './barrier.ts';
import { type DumpContext, snapshotIsOpen, startDump } from './dump.ts';
import { grantsText, type readUsers } from './grants.ts';
import { type HeldTables, holdTables } from './held-tables.ts';
import type { DumpPlan } from './inspect.ts';
import type { ServerFacts } from './server-facts.ts';
import { type Session, text } from './session.ts';

export interface ExportContext extends DumpContext {
  readonly server: ServerFacts;
  readonly now: () => number;
  readonly users: Awaited<ReturnType<typeof readUsers>>;
  /** Never a joint dump. */
  readonly separate: boolean;
  /** Called with every dump that is started, so that closing the engine ends it. */
  readonly onStart: (dump: ClientDump) => void;
}

/** Longest time that writers wait for dumps to begin; then the barrier is given up. */
const longestHoldMs = 5_000;
/** Connections of the server that we leave to its other users. */
const sparedConnections = 10;

type Held = ReadonlyMap<DumpPlan, HeldTables>;
type Context = ExportContext & { readonly held: Held };

/** Only `exports`, of plans without refusal, in their order; a joint one first. */
export async function startExports(
  session: Session,
  plans: readonly DumpPlan[],
  request: ExportContext,
): Promise<ExportSet> {
  const sessions = plans.length + plans.filter(({ outside }) => outside.length > 0).length;
  const crowded = await lackOfConnections(session, request.server, sessions);
  const held = crowded === null ? await holdAll(plans, request) : new Map<DumpPlan, HeldTables>();
  const context: Context = { ...request, held };
  try {
    return await startHeld(session, plans, crowded, context);
  } catch (error) {
    await releaseAll(held);
    throw error;
  }
}

/** Before anything else is locked, so that nothing of ours ever waits for something of ours. */
async function holdAll(
  plans: readonly DumpPlan[],
  { config, signal }: ExportContext,
): Promise<Map<DumpPlan, HeldTables>> {
  const held = new Map<DumpPlan, HeldTables>();
  try {
    for (const plan of plans) {
      const tables = await holdTables(config, plan, signal);
      if (tables !== null) held.set(plan, tables);
    }
    return held;
  } catch (error) {
    await releaseAll(held);
    throw error;
  }
}

async function releaseAll(held: Held): Promise<void> {
  await Promise.all([...held.values()].map((tables) => tables.release()));
}

async function startHeld(
  session: Session,
  plans: readonly DumpPlan[],
  crowded: string | null,
  context: Context,
): Promise<ExportSet> {
  if (plans.length < 2) return oneByOne(plans, context);
  if (crowded !== null) return joint(plans, crowded, context);

  const outcome = await lockTables(session, plans, context.signal);
  try {
    return await locked(session, plans, outcome, context);
  } finally {
    await forgetLockWait(session);
  }
}

async function locked(
  session: Session,
  plans: readonly DumpPlan[],
  outcome: LockOutcome,
  context: Context,
): Promise<ExportSet> {
  const apart = plans.filter(({ database }) => outcome.excluded.has(database));
  const together = plans.filter(({ database }) => !outcome.excluded.has(database));
  if (together.length === 0) return joint(plans, [...outcome.excluded.values()][0] ?? '', context);
  const set =
    outcome.refused === null
      ? await underLock(session, together, context)
      : await joint(together, outcome.refused, context);
  if (apart.length === 0) return set;
  const others = await oneByOne(apart, context);
  return {
    ...set,
    exports: [...set.exports, ...others.exports],
    warnings: [
      ...set.warnings,
      ...apart.map((plan) => notLocked(outcome.excluded.get(plan.database) ?? '')(plan)),
    ],
  };
}

const notLocked =
  (reason: string) =>
  ({ database }: DumpPlan): DatabaseWarning => ({
    code: 'not-locked',
    database,
    message: `exported from an instant of its own: ${reason}`,
  });

async function underLock(session: Session, plans: readonly DumpPlan[], context: Context): Promise<ExportSet> {
  const instantMs = context.now();
  const dumps = startAll(plans, context);
  try {
    const begun = await within(longestHoldMs, Promise.all(dumps.map((dump) => dump.begin(snapshotIsOpen))));
    const intact = await unlockTables(session);
    const lockHeldMs = context.now() - instantMs;
    if (begun && intact) return exportSet('barrier', lockHeldMs, plans, dumps, instantMs);
    await Promise.all(dumps.map((dump) => dump.stop()));
    const reason = intact ? `the dumps had not begun after ${longestHoldMs} ms` : 'the locks were lost';
    return await joint(plans, reason, context, lockHeldMs);
  } catch (error) {
    await Promise.all(dumps.map((dump) => dump.stop()));
    throw error;
  }
}

async function oneByOne(plans: readonly DumpPlan[], context: Context): Promise<ExportSet> {
  const instantMs = context.now();
  const dumps = startAll(plans, context);
  // A dump that waits for a lock has its instant already; it shows when its body is read.
  await within(longestHoldMs, Promise.all(dumps.map((dump) => dump.begin(snapshotIsOpen))));
  return exportSet('single', 0, plans, dumps, instantMs);
}

async function joint(
  plans: readonly DumpPlan[],
  reason: string,
  context: Context,
  lockHeldMs = 0,
): Promise<ExportSet> {
  if (context.separate)
    return { ...(await oneByOne(plans, context)), warnings: plans.map(notLocked(reason)) };
  await releaseAll(context.held);
  const [first, ...others] = plans;
  if (first === undefined) return exportSet('single', lockHeldMs, [], [], 0);
  const databases: [string, ...string[]] = [first.database, ...others.map(({ database }) => database)];
  const instantMs = context.now();
  const dump = startDump([first, ...others], grantsText(context.users, databases), null, context);
  context.onStart(dump);
  await within(longestHoldMs, dump.begin(snapshotIsOpen));
  const warning: DatabaseWarning = {
    code: 'export-joint',
    database: first.database,
    message: `${databases.map((name) => quoted(name)).join(', ')} are in one export, since their tables could not be locked: ${reason}`,
  };
  return {
    consistency: 'joint',
    lockHeldMs,
    exports: [exportOf(databases, dump, instantMs)],
    warnings: [warning],
  };
}

function startAll(plans: readonly DumpPlan[], context: Context): readonly ClientDump[] {
  const started: ClientDump[] = [];
  try {
    for (const plan of plans) {
      const held = context.held.get(plan) ?? null;
      const dump = startDump([plan], grantsText(context.users, [plan.database]), held, context);
      const release = (): void => void held?.release();
      dump.result().then(release, release);
      context.onStart(dump);
      started.push(dump);
    }
    return started;
  } catch (error) {
    for (const dump of started) void dump.stop();
    throw error;
  }
}

function exportSet(
  consistency: Consistency,
  lockHeldMs: number,
  plans: readonly DumpPlan[],
  dumps: readonly ClientDump[],
  instantMs: number,
): ExportSet {
  const exports = dumps.map((dump, at) => exportOf([plans[at]?.database ?? ''], dump, instantMs));
  return { consistency, lockHeldMs, exports, warnings: [] };
}

function exportOf(databases: [string, ...string[]], dump: ClientDump, instantMs: number): DatabaseExport {
  return { databases, format: 'sql', instantMs, body: dump.body, result: () => dump.result() };
}

async function lackOfConnections(
  session: Session,
  { maxConnections, maxUserConnections }: ServerFacts,
  needed: number,
): Promise<string | null> {
  const [status] = await session.rows("SHOW GLOBAL STATUS LIKE 'Threads_connected'");
  const free = maxConnections - Number(text(status?.[1]));
  const usable = Math.min(free - sparedConnections, maxUserConnections === 0 ? free : maxUserConnections - 1);
  return needed <= usable
    ? null
    : `the server has room for ${Math.max(usable, 0)} connections, ${needed} are needed`;
}
