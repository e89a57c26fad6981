/** What a schema cannot say about database servers. */

import { quoted } from '../printable.ts';
import type { ConfigProblem } from '../settings/problems.ts';
import type { DatabaseSettings } from './config-schema.ts';

export function databaseProblems(file: string, databases: readonly DatabaseSettings[]): ConfigProblem[] {
  return databases.flatMap(({ name, socket, host }, index) => {
    const first = databases.findIndex((other) => other.name === name);
    const pointer = `/databases/${index}`;
    const taken = {
      message: `the name ${quoted(name)} is taken by /databases/${first}`,
      hint: 'Name each server apart.',
    };
    const both = { message: 'has both a socket and a host', hint: 'Remove either socket or host.' };
    return [
      ...(first < index ? [{ file, pointer: `${pointer}/name`, ...taken }] : []),
      ...(socket !== undefined && host !== undefined ? [{ file, pointer, ...both }] : []),
    ];
  });
}
