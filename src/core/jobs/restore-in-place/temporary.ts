/**
 * Names under which entries are made before they take their place. What a killed run leaves is known by them.
 */

import { zName } from '../../filesystem/native.ts';

const pattern = /^\.holdfast-[0-9a-f]{16}\.tmp$/;

/** As the system calls take it. `id`: at least 16 hexadecimal digits, never the same twice. */
export const temporaryName = (id: string): Buffer => zName(`.holdfast-${id.slice(-16)}.tmp`);

export const isTemporary = (name: string): boolean => pattern.test(name);
