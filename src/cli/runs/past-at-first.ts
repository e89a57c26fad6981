/** What the first run of a server says where its accounts have a past already: then a state before it was lost. */

import type { Configuration } from '../../core/config/load-configuration.ts';
import { errorCodes } from '../../core/errors.ts';
import { statusWithLater } from '../../core/exit-status.ts';
import type { Account } from '../../core/index.ts';
import { trustIn } from '../../core/jobs/trust.ts';
import type { State } from '../../core/state/state.ts';
import type { CliContext } from '../command.ts';
import type { OpenedStore } from '../opened.ts';
import { pastElsewhere, pastHint, pastText } from '../past-elsewhere.ts';
import type { UpkeepResult } from './upkeep.ts';

export interface PastAtFirst {
  /** UUIDs of the servers that made it. */
  readonly servers: readonly string[];
  /** For the notifiers. */
  readonly problems: readonly string[];
  readonly exitStatus: number;
}

const code = 'state-anew';

const none: PastAtFirst = { servers: [], problems: [], exitStatus: 0 };

/** Asks the store nothing where this server has used it before. */
export async function pastAtFirst(
  { output, signal }: CliContext,
  { trustedSigners }: Pick<Configuration, 'trustedSigners'>,
  {
    opened: { name, store, provider },
    state,
    accounts,
  }: { readonly opened: OpenedStore; readonly state: State; readonly accounts: readonly Account[] },
): Promise<PastAtFirst> {
  if (state.hasUsedStore(name)) return none;
  const named = trustIn(trustedSigners);
  const past = await pastElsewhere({ store, provider, state, named, signal }, accounts);
  const text = pastText(past);
  if (text === null) return none;
  output.note(`warning: ${code}: ${text}`);
  output.note(`hint: ${pastHint}`);
  const servers = past.map(({ server }) => server);
  return { servers, problems: [text], exitStatus: errorCodes.FINISHED_WITH_WARNINGS.exit };
}

/** Both are told with the end of the run. */
export const withPast = (upkeep: UpkeepResult, { problems, exitStatus }: PastAtFirst): UpkeepResult => ({
  ...upkeep,
  exitStatus: statusWithLater(exitStatus, upkeep.exitStatus),
  problems: [...problems, ...upkeep.problems],
});
