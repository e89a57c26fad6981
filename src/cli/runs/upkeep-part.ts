/**
 * One part of an upkeep: a command as an administrator would call it, heard instead of printed.
 *
 * Nothing that goes wrong in it gets out: the run has its snapshots to report.
 */

import { Writable } from 'node:stream';
import { errorCodes, HoldfastError } from '../../core/errors.ts';
import { asError } from '../../core/jobs/copy/report.ts';
import { knownError } from '../../core/system-error.ts';
import type { CliCommand, CliContext, Invocation } from '../command.ts';
import type { PruneDocument } from '../documents/prune.ts';
import { Output } from '../output.ts';

export interface UpkeepPart {
  readonly name: string;
  readonly command: CliCommand;
  readonly options: Invocation['options'];
  /** Which copy it prunes; null: the main store. Left out: it removes no snapshots. */
  readonly copy?: string | null;
  /** No snapshot is to go there, so its credentials need not be able to remove. */
  readonly mayBeDenied?: boolean;
}

export interface PartOutcome {
  /** 0 where nothing of it is an error of the run. */
  readonly status: number;
  /** Its diagnostics. */
  readonly lines: readonly string[];
  /** It need not be tried again before it is due. */
  readonly isDone: boolean;
  /** Snapshots that are gone; null where it did not come to tell. */
  readonly removed: number | null;
}

export async function doPart(context: CliContext, part: UpkeepPart): Promise<PartOutcome> {
  const { status, lines, document } = await heard(context, part);
  const told = { lines, removed: removedBy(document) };
  if (status === errorCodes.ACCOUNT_LOCKED.exit) return { ...told, status: 0, isDone: false };
  if (status === errorCodes.STORE_DENIED.exit && part.mayBeDenied === true)
    return { ...told, status: 0, isDone: true };
  const isDone = status === 0 || (status === errorCodes.PRUNE_REFUSED.exit && refusedSingly(document));
  return { ...told, status, isDone };
}

const removedBy = (document: Partial<PruneDocument> | null): number | null =>
  document?.snapshots?.filter(({ removed }) => removed).length ?? null;

/**
 * Whether all was done but for accounts that wait for a person, perhaps for weeks: because of them the others are not looked at
 * more often than is configured.
 */
function refusedSingly(document: Partial<PruneDocument> | null): boolean {
  const { refusals, denied, locked = [], unfinished = [] } = document ?? {};
  if (refusals === undefined || denied !== 0 || locked.length + unfinished.length > 0) return false;
  // While a manifest cannot be read, no object of any account goes.
  return refusals.every(({ owner, rule }) => owner !== null && rule !== 'damaged-manifest');
}

/** Keeps the document that `--json` would print. */
class HeardOutput extends Output {
  heard: object | null = null;

  override document<T>(value: T): void {
    this.heard = value as object;
  }
}

interface Heard extends Pick<PartOutcome, 'status' | 'lines'> {
  readonly document: object | null;
}

/** What else a command prints is for somebody who asked. */
async function heard(context: CliContext, { command, options }: UpkeepPart): Promise<Heard> {
  let text = '';
  const unheard = new Writable({ write: (_chunk, _encoding, done) => done() });
  const stderr = new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, done) => {
      text += chunk;
      done();
    },
  });
  const output = new HeardOutput({ stdout: unheard, stderr }, { json: false, quiet: true });
  const linesOf = (): string[] => text.split('\n').filter((line) => line !== '');
  try {
    const status = await command.run({ ...context, output }, { args: [], options });
    output.flush();
    return { status, lines: linesOf(), document: output.heard };
  } catch (error) {
    const { code, message, hint } = knownError(error) ?? unforeseen(error, context.signal);
    const told = [`${code}: ${message}`, ...(hint === undefined ? [] : [`hint: ${hint}`])];
    return { status: errorCodes[code].exit, lines: [...linesOf(), ...told], document: null };
  }
}

function unforeseen(error: unknown, signal: AbortSignal): HoldfastError {
  if (signal.aborted) return new HoldfastError('INTERRUPTED', 'interrupted', { cause: error });
  return asError(error);
}
