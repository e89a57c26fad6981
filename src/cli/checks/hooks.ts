/** Whether the programs of hooks can be run. */

import type { Configuration } from '../../core/config/load-configuration.ts';
import { strayHooks } from '../../core/config/operations.ts';
import { whyNotRun } from '../../core/hooks/run-program.ts';
import { printable } from '../../core/printable.ts';
import { type Check, caution, fault, ok } from './check.ts';

/** Runs none of them. One that says `stop` would keep from being done what it belongs to. */
export async function checkHooks({
  hooks,
  addins,
}: Pick<Configuration, 'hooks' | 'addins'>): Promise<readonly Check[]> {
  const stray = strayHooks({ hooks, addins });
  const programs = await Promise.all(
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
  return [...programs, ...stray.map(({ on, message, hint }) => caution(`${on} hook`, message, hint))];
}
