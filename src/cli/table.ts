/**
 * Aligned columns without borders. Owns the escaping of cells, so that no caller can forget it.
 *
 * A table that is wider than the terminal loses the ends of its longest texts, never of its numbers.
 */

import { printable } from '../core/printable.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'right';
  /** May be cut where the terminal is too narrow. */
  readonly shrinks?: true;
}

const gap = 2;
const narrowest = 12;

/** Lines of text, the titles first. `width` is that of the terminal; infinite where there is none. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => row.map((cell) => printable(cell)))];
  const widths = columns.map(() => 0);
  for (const row of cells) {
    for (let i = 0; i < row.length; i++) widths[i] = Math.max(widths[i] ?? 0, row[i]!.length);
  }
  let excess = widths.reduce((sum, one) => sum + one + gap, -gap) - width;
  while (excess > 0) {
    const shrinking = columns.flatMap(({ shrinks }, i) =>
      shrinks === true && widths[i]! > narrowest ? [i] : [],
    );
    if (shrinking.length === 0) break;
    const widest = shrinking.reduce((a, b) => (widths[a]! >= widths[b]! ? a : b));
    widths[widest]! -= 1;
    excess -= 1;
  }
  const between = ' '.repeat(gap);
  return cells.map((row) => {
    let line = '';
    for (let i = 0; i < row.length; i++) {
      line += (i === 0 ? '' : between) + padded(row[i]!, widths[i]!, columns[i]?.align);
    }
    return line.trimEnd();
  });
}

function padded(cell: string, width: number, align: 'right' | undefined): string {
  const shown = cell.length > width ? `${cell.slice(0, width - 1)}…` : cell;
  return align === 'right' ? shown.padStart(width) : shown.padEnd(width);
}
