/** What to tell of snapshots that are not the latest of their account for their date alone. */

import type { AnySnapshot } from '../core/jobs/catalog.ts';
import { printable } from '../core/printable.ts';

export const notesOfAhead = ({ name, ahead = [] }: Pick<AnySnapshot, 'name' | 'ahead'>): string[] =>
  ahead.map(
    (one) =>
      `note: ${printable(one.name, 500)} is dated ahead of the clock, so the latest is ${printable(name, 500)}; name the other where it is meant`,
  );
