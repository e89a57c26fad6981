/** `holdfast restore --dry-run`: what a restore into a directory would write. */

import { errorCodes } from '../core/errors.ts';
import { planRestore } from '../core/jobs/restore/restore.ts';
import type { RestoreRequest } from '../core/jobs/restore/types.ts';
import { printable } from '../core/printable.ts';
import type { CliContext } from './command.ts';
import type { RestorePlanDocument } from './documents/restore.ts';
import type { FailedComponent } from './documents/snapshot.ts';
import { tellFailed } from './failed-paths.ts';
import { bytesText, plural } from './format.ts';
import { noteJoint } from './joint-dumps.ts';
import { statusWith } from './partial-snapshot.ts';

/** @returns the exit status */
export async function planOne(
  { output }: CliContext,
  request: RestoreRequest,
  failed: readonly FailedComponent[],
): Promise<number> {
  const { entries, bytes, databases, failures } = await planRestore(request);
  const { snapshot, target } = request;
  for (const name of databases) output.line(`database  ${printable(name, 4096)}`);
  noteJoint(output, request.snapshot, databases);
  tellFailed(output, failures);
  const what = `${plural(entries, 'entry')} and ${plural(databases.length, 'database file')}`;
  output.line(
    `would restore ${what}, ${bytesText(bytes)}, from ${snapshot.name} to ${printable(target, 4096)}`,
  );
  output.document<RestorePlanDocument>({
    snapshot: snapshot.name,
    target,
    entries,
    bytes,
    databases: [...databases],
    failedComponents: [...failed],
    failures: failures.map(({ path, message }) => ({ path, message })),
  });
  return statusWith(failures.length > 0 ? errorCodes.RESTORE_INCOMPLETE.exit : 0, failed);
}
