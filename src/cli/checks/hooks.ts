/** Whether the programs of hooks can be run. */

import type { Configuration } from '../../core/config/load-configuration.ts';
import { whyNotRun } from '../../core/hooks/run-program.ts';
import { printable } from '../../core/printable.ts';
import { type Check, caution, fault, ok } from './check.ts';

/** Runs none of them. One that says `stop` would keep from being done what it belongs to. */
export function checkHooks({ hooks }: Pick<Configuration, 'hooks'>): Promise<readonly Check[]> {
  return Promise.all(
    hooks.map(async ({ on, command, onFailure }) => {
      const name = `${on} hook`;
      const program = printable(command[0]!, 4096);
      const failure = await whyNotRun(command[0]!);
      if (failure === null) return ok(name, `${program} can be run`);
      const detail = `${program} ${failure}`;
      const hint = 'Mend the program or its place, or take the hook out of config.json.';
      return onFailure === 'stop' ? fault(name, 'HOOK_FAILED', detail, hint) : caution(name, detail, hint);
    }),
  );
}
