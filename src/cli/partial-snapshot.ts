/** What a partial snapshot lacks of what is wanted: it must not pass for the whole account. */

import type { Component } from '../core/archive/manifest.ts';
import { errorCodes } from '../core/errors.ts';
import type { Snapshot } from '../core/jobs/catalog.ts';
import { printable } from '../core/printable.ts';
import type { FailedComponent } from './documents/snapshot.ts';

/** What of a snapshot is wanted. */
export interface Wanted {
  readonly paths: readonly Buffer[];
  readonly databases: readonly string[];
  readonly everything: boolean;
  /** Databases are no part of it, as in a restore in place. */
  readonly treesOnly?: boolean;
}

/** What a passed over revision is called among what failed: it is no part of the account. */
export const passedOverManifest = 'manifest';

/** Also the revisions that were passed over: what they said is not what is read. */
export function failedComponents({ body, passedOver }: Snapshot, wanted: Wanted): FailedComponent[] {
  const failed = body.components
    .filter(({ state }) => state === 'failed')
    .map((component) => ({
      component: printable(component.name, 4096),
      code: component.error?.code ?? null,
      message: component.error === undefined ? null : printable(component.error.message, 4096),
      wanted: isWanted(component, wanted),
    }));
  const revisions = (passedOver ?? []).map(({ code, message }) => ({
    ...{ component: passedOverManifest, code, message: printable(message, 4096) },
    wanted: true,
  }));
  return [...failed, ...revisions];
}

function isWanted(component: Component, { paths, databases, everything, treesOnly }: Wanted): boolean {
  if (component.type === 'tree') {
    return everything || paths.some((path) => path.toString('latin1').split('/', 1)[0] === component.name);
  }
  if (everything) return treesOnly !== true;
  const names = component.databases.flatMap((name) => [name, `${component.instance}/${name}`]);
  return names.some((name) => databases.includes(name));
}

/** A restore that lacks something of what was asked for is no success without reservation. */
export function statusWith(exitStatus: number, failed: readonly FailedComponent[]): number {
  const lacks = exitStatus === 0 && failed.some(({ wanted }) => wanted);
  return lacks ? errorCodes.FINISHED_WITH_WARNINGS.exit : exitStatus;
}
