/** How statements leave the filter of dumps, and how it refuses them. */

import { HoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import type { Piece } from './import-split.ts';
import type { Edit, Token } from './import-tokens.ts';

export const editOf = ({ start, end }: Token, name: string): Edit => ({
  start,
  end,
  text: `\`${name.replaceAll('`', '``')}\``,
});

export function* framed(statement: Buffer, delimiter: string): Generator<Buffer, void, undefined> {
  if (delimiter === ';') {
    yield statement;
    yield Buffer.from(';\n');
    return;
  }
  yield Buffer.from(`DELIMITER ${delimiter}\n`);
  yield statement;
  yield Buffer.from(`\n${delimiter}\nDELIMITER ;\n`);
}

export const refusedAt = ({ line }: Piece, why: string): HoldfastError =>
  refused(`the statement at line ${line} of the dump ${why}`);

export function refused(why: string): HoldfastError {
  return new HoldfastError('IMPORT_REFUSED', printable(why, 500), {
    hint: 'Remove it from the dump, or restore another snapshot.',
  });
}
