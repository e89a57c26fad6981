/** Reads what `tls` names, as the drivers take it: with a CA the server must prove who it is. */

import { readFile } from 'node:fs/promises';
import { HoldfastError } from '../errors.ts';
import { printable } from '../printable.ts';
import type { TlsSettings } from './types.ts';

export interface DriverTls {
  readonly rejectUnauthorized: boolean;
  /** For mysql2; pg checks the name by itself. */
  readonly verifyIdentity: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** @throws CONFIG_INVALID a file cannot be read */
export async function tlsOptions({ ca, cert, key }: TlsSettings): Promise<DriverTls> {
  const verified = ca !== undefined;
  return {
    rejectUnauthorized: verified,
    verifyIdentity: verified,
    ...(ca === undefined ? {} : { ca: await readPem(ca) }),
    ...(cert === undefined ? {} : { cert: await readPem(cert) }),
    ...(key === undefined ? {} : { key: await readPem(key) }),
  };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new HoldfastError('CONFIG_INVALID', `cannot read ${printable(path, 4096)} for tls: ${why}`, {
      cause,
      hint: 'Correct "tls" of this database in config.json.',
    });
  }
}
