/**
 * What a scheduled run does with its store once everything is backed up: `upkeep` of the addin configuration.
 *
 * The commands are those that an administrator calls, with the same safeguards. What they refuse or cannot do is an
 * error of the run, so that somebody is told; the snapshots of the run are safe by then.
 */

import { Writable } from 'node:stream';
import type { AddinConfiguration, Configuration } from '../../core/config/load-configuration.ts';
import { errorCodes } from '../../core/errors.ts';
import { worseStatus } from '../../core/exit-status.ts';
import { lastUpkeep, rememberUpkeep } from '../../core/state/upkeep-record.ts';
import { knownError } from '../../core/system-error.ts';
import type { CliCommand, CliContext, Invocation } from '../command.ts';
import { Output } from '../output.ts';
import type { RunOptions } from './run-parts.ts';

export interface UpkeepResult {
  /** Of the worst of its parts; 0 where all is done, or nothing was due. */
  readonly exitStatus: number;
  /** For the notifiers and the document of the run. */
  readonly problems: readonly string[];
}

export interface UpkeepAsked {
  readonly configuration: Configuration;
  readonly addin: AddinConfiguration;
  readonly chosen: Pick<RunOptions, 'scheduled' | 'account' | 'until'>;
}

const dayMs = 86_400_000;
/** Of one part; the rest stands in its own output. */
const mostLines = 5;
const nothingDone: UpkeepResult = { exitStatus: 0, problems: [] };

/**
 * Nothing, unless the schedule began the run and it is for all accounts. The next one does what an interruption, another
 * job's lock, or a window that closed left undone.
 */
export async function doUpkeep(
  context: CliContext,
  { configuration, addin, chosen }: UpkeepAsked,
): Promise<UpkeepResult> {
  const { world, signal, output } = context;
  const { stateDir } = configuration;
  const { upkeep } = addin;
  if (upkeep === null || chosen.scheduled !== true || chosen.account !== undefined) return nothingDone;
  if (!(await isDue(stateDir, addin.name, upkeep.everyDays, world.now()))) return nothingDone;
  const isOver = (): boolean => signal.aborted || (chosen.until !== undefined && world.now() >= chosen.until);
  const parts = [
    ...(upkeep.prune ? await prunings(addin) : []),
    ...(upkeep.compact ? [await compaction(addin)] : []),
  ];
  const problems: string[] = [];
  let exitStatus = 0;
  let isWhole = true;
  for (const { name, command, options } of parts) {
    if (isOver()) return { exitStatus, problems };
    output.info(`upkeep: ${name} begins`);
    const { status, lines } = await heard(context, command, options);
    for (const line of lines) output.note(`upkeep: ${name}: ${line}`);
    isWhole &&= status === 0;
    if (status === 0 || status === errorCodes.ACCOUNT_LOCKED.exit) continue;
    problems.push(...lines.slice(0, mostLines).map((line) => `upkeep: ${name}: ${line}`));
    problems.push(`upkeep: ${name} ended with exit status ${status}`);
    exitStatus = worseStatus(exitStatus, status);
  }
  if (isWhole && !signal.aborted) {
    await rememberUpkeep(stateDir, addin.name, world.now()).catch((error: NodeJS.ErrnoException) => {
      output.note(`warning: the upkeep is done, but the state could not be written: ${error.code}`);
    });
  }
  return { exitStatus, problems };
}

/** By the clock alone runs of the same hour would now and then come a minute too early. */
async function isDue(stateDir: string, addin: string, everyDays: number, nowMs: number): Promise<boolean> {
  const last = await lastUpkeep(stateDir, addin);
  return last === null || last > nowMs || nowMs - last >= (everyDays - 0.5) * dayMs;
}

interface Part {
  readonly name: string;
  readonly command: CliCommand;
  readonly options: Invocation['options'];
}

async function prunings(addin: AddinConfiguration): Promise<Part[]> {
  const { prune: command } = await import('../commands/prune.ts');
  const options = { addin: addin.name, apply: true };
  return [
    { name: 'prune', command, options },
    ...addin.copies
      .filter(({ retention }) => retention !== null)
      .map(({ name }) => ({ name: `prune of ${name}`, command, options: { ...options, copy: name } })),
  ];
}

async function compaction(addin: AddinConfiguration): Promise<Part> {
  const { compact: command, defaultThreshold: threshold } = await import('../commands/compact.ts');
  return { name: 'compact', command, options: { addin: addin.name, apply: true, threshold } };
}

/** The status of a command, and its diagnostics; what else it prints is for somebody who asked. */
async function heard(
  context: CliContext,
  command: CliCommand,
  options: Invocation['options'],
): Promise<{ readonly status: number; readonly lines: readonly string[] }> {
  let text = '';
  const unheard = new Writable({ write: (_chunk, _encoding, done) => done() });
  const stderr = new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, done) => {
      text += chunk;
      done();
    },
  });
  const output = new Output({ stdout: unheard, stderr }, { json: false, quiet: true });
  const linesOf = (): string[] => text.split('\n').filter((line) => line !== '');
  try {
    const status = await command.run({ ...context, output }, { args: [], options });
    output.flush();
    return { status, lines: linesOf() };
  } catch (error) {
    const known = knownError(error);
    if (known === null) throw error;
    const { code, message, hint } = known;
    const told = [`${code}: ${message}`, ...(hint === undefined ? [] : [`hint: ${hint}`])];
    return { status: errorCodes[code].exit, lines: [...linesOf(), ...told] };
  }
}
