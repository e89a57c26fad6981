/** What the process of an s3 store reads beside its settings: what the usual AWS chain would. Changes nothing. */

import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../../core/index.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** With keys in the settings: nothing of all this. */
export function s3Needs({ accessKeyId }: Settings, env: Environment) {
  if (accessKeyId !== undefined) return { files: [], variables: /^AWS_(CA_BUNDLE|USE_\w+)$/ };
  const aws = join(env['HOME'] ?? homedir(), '.aws');
  const files = [
    env['AWS_SHARED_CREDENTIALS_FILE'] ?? join(aws, 'credentials'),
    env['AWS_CONFIG_FILE'] ?? join(aws, 'config'),
    env['AWS_WEB_IDENTITY_TOKEN_FILE'],
    env['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'],
    ...filesIn(join(aws, 'sso/cache')),
  ];
  const read = files.filter((path) => path !== undefined);
  const roots = read.some((path) => /^\s*(?:credential_process|sso_\w+)\s*=/m.test(textOf(path)));
  return { files: read, variables: /^AWS_/, ...(roots ? { asRoot: true } : {}) };
}

/** Programs that give credentials, and tokens that are renewed, are made for whoever wrote the file. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}
