/** Files that hold more databases than their name says. */

import { encodeName, jointFileName } from '../core/archive/keys.ts';
import type { Snapshot } from '../core/jobs/catalog.ts';
import { printable, quoted } from '../core/printable.ts';
import type { Output } from './output.ts';

/**
 * Whoever loads such a file by hand makes and fills all of them.
 *
 * @param files below the target
 */
export function noteJoint(output: Output, { body }: Snapshot, files: readonly string[]): void {
  for (const component of body.components) {
    if (component.type !== 'database' || component.databases.length < 2) continue;
    const { instance, databases, format } = component;
    const path = `databases/${encodeName(instance)}/${jointFileName}.${format}`;
    if (!files.includes(path)) continue;
    const names = databases.map((name) => quoted(name)).join(', ');
    output.note(
      `note: ${printable(path, 4096)} holds ${names}, and its statements make and fill each of them; holdfast db import takes one out`,
    );
  }
}
