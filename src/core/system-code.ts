/** What an error of the system is called. */

import { constants } from 'node:os';

const names = new Map<number, string>(Object.entries(constants.errno).map(([name, value]) => [value, name]));

/**
 * The name of the errno, e.g. `ENOSPC`; undefined where the system did not say one.
 *
 * Node has no names for some: of a disk quota that is reached it says `UNKNOWN`, or `Unknown system error -122`.
 */
export function systemCode(error: unknown): string | undefined {
  const { code, errno } = (error ?? {}) as { readonly code?: unknown; readonly errno?: unknown };
  if (typeof code !== 'string') return undefined;
  if (typeof errno !== 'number' || !/^unknown/i.test(code)) return code;
  return names.get(Math.abs(errno)) ?? `errno ${Math.abs(errno)}`;
}
