/**
 * Hands a client its connection options, password included, without a name anyone could open: a file
 * of mode 0600 that has lost its last name before the first byte is written, passed as a descriptor.
 */

import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseInstanceConfig, TlsSettings } from '../types.ts';

/** Where the client finds it, as the first of its arguments. */
export const optionFileArgument = '--defaults-file=/proc/self/fd/3';

/** Runs `use` with the open descriptor, then closes ours. The client keeps its own. */
export function withOptionFile<T>(
  config: DatabaseInstanceConfig,
  use: (descriptor: number) => T,
  known: ReadonlySet<string> = new Set(),
): T {
  const path = join(tmpdir(), `holdfast-${randomUUID()}`);
  const descriptor = openSync(path, 'wx+', 0o600);
  try {
    unlinkSync(path);
    writeSync(descriptor, optionText(config, known));
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** `known` are the options of the client: MySQL's and MariaDB's ask for encryption by different names. */
export function optionText(config: DatabaseInstanceConfig, known: ReadonlySet<string> = new Set()): string {
  const { socket, host = '127.0.0.1', port = 3306, user = 'root', password } = config;
  const options: [string, string][] = [['user', user]];
  if (password !== undefined) options.push(['password', password]);
  if (socket === undefined) options.push(['host', host], ['port', String(port)], ['protocol', 'tcp']);
  else options.push(['socket', socket], ['protocol', 'socket']);
  if (socket === undefined && config.tls !== undefined) options.push(...tlsOptions(config.tls, known));
  return `[client]\n${options.map(([name, value]) => `${name}=${quoteOption(value)}\n`).join('')}`;
}

function tlsOptions({ ca, cert, key }: TlsSettings, known: ReadonlySet<string>): [string, string][] {
  const options: [string, string][] = known.has('ssl-mode')
    ? [['ssl-mode', ca === undefined ? 'REQUIRED' : 'VERIFY_IDENTITY']]
    : [
        ['ssl', '1'],
        ['ssl-verify-server-cert', ca === undefined ? '0' : '1'],
      ];
  if (ca !== undefined) options.push(['ssl-ca', ca]);
  if (cert !== undefined) options.push(['ssl-cert', cert]);
  if (key !== undefined) options.push(['ssl-key', key]);
  return options;
}

function quoteOption(value: string): string {
  const escapes: Readonly<Record<string, string>> = {
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\b': '\\b',
    '\\': '\\\\',
    '"': '\\"',
  };
  return `"${value.replace(/[\n\r\t\b\\"]/g, (char) => escapes[char] ?? char)}"`;
}
