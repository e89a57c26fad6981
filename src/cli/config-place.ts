/** Where in the configuration something is wrong, for people. */

import { printable } from '../core/printable.ts';

/** The file and the JSON pointer, or the file alone where it is about all of it. */
export const placeOf = (file: string, pointer: string): string =>
  printable(file, 4096) + (pointer === '' ? '' : ` ${printable(pointer)}`);
