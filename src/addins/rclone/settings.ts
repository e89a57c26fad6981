/**
 * The settings of the store `rclone`.
 *
 * A remote is named, never spelled out: a connection string would carry credentials in a file that is
 * not made for them. They belong into the configuration of rclone.
 */

import { HoldfastError, type Settings } from '../../core/index.ts';

export interface RcloneSettings {
  /** `NAME:` or `NAME:path`. */
  readonly remote: string;
  /** Absolute path of the configuration of rclone; null for the one rclone finds by itself. */
  readonly config: string | null;
  readonly configPassword: string | null;
  /** What is run: a name to be looked up in PATH, or an absolute path. */
  readonly program: string;
}

export const settingsSchema = {
  type: 'object',
  title: 'Store on an rclone remote',
  description: 'Keeps backups on any remote that rclone knows. Needs rclone 1.60 or newer.',
  additionalProperties: false,
  required: ['use', 'remote'],
  properties: {
    use: { const: 'rclone', description: 'Selects this store.' },
    remote: {
      type: 'string',
      // A bracket would end the name in a URL of rclone; options after a comma may hold secrets.
      pattern: '^[A-Za-z0-9_][A-Za-z0-9_.+@ -]*:[^\\]\\u0000-\\u001f]*$',
      description: 'A remote of the configuration of rclone, and the path there.',
      examples: ['b2:bucket/path'],
    },
    config: {
      type: 'string',
      pattern: '^/.*[^/]',
      description:
        'Absolute path of the configuration of rclone; without it, the one rclone finds by itself.',
      examples: ['/etc/holdfast/rclone.conf'],
    },
    configPassword: {
      type: 'string',
      'x-secret': true,
      description: 'Reference to the password of that file, where it is encrypted.',
      examples: ['file:/root/.holdfast/rclone-password'],
    },
    program: {
      type: 'string',
      pattern: '^/.*[^/]',
      description: 'Absolute path of rclone; without it, the one in PATH.',
      examples: ['/usr/local/bin/rclone'],
    },
  },
} as const;

const remotePattern = new RegExp(settingsSchema.properties.remote.pattern);

/** @throws CONFIG_INVALID a setting has another form than the schema says */
export function readSettings(settings: Settings): RcloneSettings {
  const { remote } = settings;
  if (typeof remote !== 'string' || !remotePattern.test(remote)) {
    throw new HoldfastError('CONFIG_INVALID', 'the rclone store needs the setting remote', {
      hint: 'Set "remote" to a remote of the configuration of rclone, e.g. "b2:bucket/path".',
    });
  }
  return {
    remote: remote.replace(/(?<=[^:/])\/+$/, ''),
    config: optional(settings, 'config'),
    configPassword: optional(settings, 'configPassword'),
    program: optional(settings, 'program') ?? 'rclone',
  };
}

function optional(settings: Settings, name: string): string | null {
  const value = settings[name];
  return typeof value === 'string' && value !== '' ? value : null;
}
