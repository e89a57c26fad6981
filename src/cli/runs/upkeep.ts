/**
 * What a scheduled run does with its store once everything is backed up: `upkeep` of the addin configuration.
 *
 * The commands are those that an administrator calls, with the same safeguards. What they refuse or cannot do is an
 * error of the run, so that somebody is told; the snapshots of the run are safe by then.
 */

import type { AddinConfiguration, Configuration } from '../../core/config/load-configuration.ts';
import { worseStatus } from '../../core/exit-status.ts';
import type { CopyReport } from '../../core/jobs/copy/report.ts';
import { lastUpkeep, rememberUpkeep } from '../../core/state/upkeep-record.ts';
import type { CliContext } from '../command.ts';
import { plural } from '../format.ts';
import type { RunOptions } from './run-parts.ts';
import { doPart, type UpkeepPart } from './upkeep-part.ts';

export interface UpkeepResult {
  /** Of the worst of its parts; 0 where all is done, or nothing was due. */
  readonly exitStatus: number;
  /** For the notifiers and the document of the run. */
  readonly problems: readonly string[];
  /** Of each store that was pruned. */
  readonly pruned: readonly PrunedStore[];
}

export interface PrunedStore {
  /** Its name; null: the main store. */
  readonly copy: string | null;
  /** How many are gone. */
  readonly snapshots: number;
}

export interface UpkeepAsked {
  readonly configuration: Configuration;
  readonly addin: AddinConfiguration;
  readonly chosen: Pick<RunOptions, 'scheduled' | 'account' | 'until'>;
  /** What became of the copies in this run. */
  readonly copies: readonly Pick<CopyReport, 'name' | 'error'>[];
  /** The store is full: prune, whether or not it is due, and nothing that writes. */
  readonly makesRoom?: boolean;
}

const dayMs = 86_400_000;
/** Of one part; the rest stands in its own output. */
const mostLines = 5;
const nothingDone: UpkeepResult = { exitStatus: 0, problems: [], pruned: [] };

/**
 * Nothing, unless the schedule began the run and it is for all accounts. The next one does what an interruption, another
 * job's lock, or a window that closed left undone.
 */
export async function doUpkeep(
  context: CliContext,
  { configuration, addin, chosen, copies, makesRoom = false }: UpkeepAsked,
): Promise<UpkeepResult> {
  const { world, signal, output } = context;
  const { stateDir } = configuration;
  const { upkeep } = addin;
  if (upkeep === null || chosen.scheduled !== true || chosen.account !== undefined) return nothingDone;
  if (!makesRoom && !(await isDue(stateDir, addin.name, upkeep.everyDays, world.now()))) return nothingDone;
  const isOver = (): boolean => signal.aborted || (chosen.until !== undefined && world.now() >= chosen.until);
  const blind = compactsBlindly(addin) && !makesRoom ? [blindText] : [];
  const behind = copies.filter(({ error }) => error !== null).map(({ name }) => name);
  const waiting = upkeep.prune && behind.length > 0 ? heldBack(behind) : [];
  const problems = [...waiting, ...blind];
  for (const problem of problems) output.note(problem);
  const parts = [
    ...(upkeep.prune ? await prunings(addin, behind.length === 0) : []),
    ...(upkeep.compact && !makesRoom && blind.length === 0 ? [await compaction(addin)] : []),
  ];
  const pruned: PrunedStore[] = [];
  let exitStatus = 0;
  let isWhole = waiting.length === 0 && !makesRoom;
  for (const part of parts) {
    if (isOver()) return { exitStatus, problems, pruned };
    const { name, copy } = part;
    output.info(`upkeep: ${name} begins`);
    const { status, lines, isDone, removed } = await doPart(context, part);
    for (const line of lines) output.note(`upkeep: ${name}: ${line}`);
    if (copy !== undefined && removed !== null) {
      output.info(`upkeep: ${name}: ${plural(removed, 'snapshot')} removed`);
      pruned.push({ copy, snapshots: removed });
    }
    isWhole &&= isDone;
    if (status === 0) continue;
    problems.push(...lines.slice(0, mostLines).map((line) => `upkeep: ${name}: ${line}`));
    problems.push(`upkeep: ${name} ended with exit status ${status}`);
    exitStatus = worseStatus(exitStatus, status);
  }
  if (isWhole && !signal.aborted) {
    await rememberUpkeep(stateDir, addin.name, world.now()).catch((error: NodeJS.ErrnoException) => {
      output.note(`warning: the upkeep is done, but the state could not be written: ${error.code}`);
    });
  }
  return { exitStatus, problems, pruned };
}

/** Compacting is asked for where it can never be done: it reads snapshots, and nobody gives a scheduled run an identity. */
export const compactsBlindly = ({
  encryption,
  upkeep,
}: Pick<AddinConfiguration, 'encryption' | 'upkeep'>): boolean =>
  upkeep?.compact === true && encryption !== 'none' && encryption.identity === undefined;

/** No error of each run: the snapshots and the pruning are as good without, and doctor warns of it. */
const blindText =
  'upkeep: compact: left out, since it reads snapshots and "encryption" names no identity; see holdfast doctor';

/** By the clock alone runs of the same hour would now and then come a minute too early. */
async function isDue(stateDir: string, addin: string, everyDays: number, nowMs: number): Promise<boolean> {
  const last = await lastUpkeep(stateDir, addin);
  return last === null || last > nowMs || nowMs - last >= (everyDays - 0.5) * dayMs;
}

/** The main store has what a copy lacks, and perhaps nobody else does. */
const heldBack = (behind: readonly string[]): string[] => [
  `upkeep: prune: left out, since snapshots that would go may be missing in ${behind.join(', ')}`,
  'upkeep: hint: Mend the copy, or take it out of "copies"; `holdfast prune --apply` goes on without it.',
];

/** Copies without a retention have what compacting replaced, which no snapshot needs. */
async function prunings(addin: AddinConfiguration, withMain: boolean): Promise<UpkeepPart[]> {
  const { prune: command } = await import('../commands/prune.ts');
  const options = { addin: addin.name, apply: true };
  return [
    ...(withMain ? [{ name: 'prune', command, options, copy: null }] : []),
    ...addin.copies.map(({ name, retention }) => ({
      name: `prune of ${name}`,
      command,
      options: { ...options, copy: name },
      copy: name,
      mayBeDenied: retention === null,
    })),
  ];
}

async function compaction(addin: AddinConfiguration): Promise<UpkeepPart> {
  const { compact: command, defaultThreshold: threshold } = await import('../commands/compact.ts');
  return { name: 'compact', command, options: { addin: addin.name, apply: true, threshold } };
}
