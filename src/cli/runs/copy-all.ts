/** Brings the copies of an addin configuration up to date after a run. */

import type { OpenAddin } from '../../core/jobs/addin.ts';
import type { CopyReport } from '../../core/jobs/copy/report.ts';
import { openTrust } from '../../core/jobs/trust.ts';
import type { State } from '../../core/state/state.ts';
import type { BackUpPrinter } from '../backup-printer.ts';
import type { CliContext } from '../command.ts';
import { asCopy, chooseAddin, type Loaded } from '../configuration.ts';
import { openStore } from '../opened.ts';

interface CopyParts {
  readonly loaded: Loaded;
  readonly chosen: { readonly addin?: string; readonly allowPlaintext?: true };
  readonly addin: OpenAddin;
  readonly state: State;
  readonly printer: BackUpPrinter;
}

/** Also what earlier runs could not copy; a copy's secrets are read only now. */
export async function copyAll(
  { world, signal }: CliContext,
  { loaded, chosen, addin, state, printer }: CopyParts,
): Promise<readonly CopyReport[]> {
  const { configuration } = loaded;
  const configured = chooseAddin(configuration, chosen.addin);
  const { copies } = configured;
  if (copies.length === 0) return [];
  const { copySnapshots } = await import('../../core/jobs/copy-snapshots.ts');
  return copySnapshots({
    addin,
    copies: copies.map((copy) => ({
      name: copy.name,
      retention: copy.retention,
      open: () => openStore(loaded, asCopy(configured, copy), world),
    })),
    state,
    stateDir: configuration.stateDir,
    allowPlaintext: chosen.allowPlaintext === true,
    trust: await openTrust(configuration.stateDir, configuration.trustedSigners),
    concurrency: configuration.concurrency,
    lockWaitMs: configuration.lockWaitMinutes * 60_000,
    world,
    signal,
    onEvent: (event) => printer.copyEvent(event),
  });
}
