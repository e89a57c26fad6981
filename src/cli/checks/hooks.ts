/** Whether the programs of hooks, and the panel's exporter, can be run. */

import { access, constants } from 'node:fs/promises';
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

/** Says who exports, too: engines say only that their servers answer. */
export async function checkPanelExport({
  export: way,
  panelExport,
}: Pick<Configuration, 'export' | 'panelExport'>): Promise<readonly Check[]> {
  if (way !== 'panel') return [];
  const name = 'panel export';
  if (panelExport === null) {
    const hint = 'Add "panelExport": { "command": [...] }, or set "export" to "direct".';
    return [fault(name, 'CONFIG_INVALID', '"export" is "panel" and "panelExport" is missing', hint)];
  }
  const program = panelExport.command[0]!;
  const shown = printable(program, 4096);
  const failure = await whyNotRun(program);
  if (failure === null) return [ok(name, `databases are exported by the panel: ${shown} can be run`)];
  const hint = 'Mend the program or its place, or set "export" to "direct".';
  const detail = `databases are exported by the panel, and ${shown} ${failure}`;
  // One that others can change is run all the same.
  const runs = await access(program, constants.X_OK).then(
    () => true,
    () => false,
  );
  return [runs ? caution(name, detail, hint) : fault(name, 'EXPORT_FAILED', detail, hint)];
}
