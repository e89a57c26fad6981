/**
 * A real S3 service (Ceph RGW) for the tests of one file, and an independent client to look with.
 *
 * The service lives as long as this process: it watches a pipe of ours, so that a killed test run
 * leaves no daemons behind. Missing packages make `startS3` fail; nothing is ever skipped.
 */

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const script = fileURLToPath(new URL('s3-server.sh', import.meta.url));

export interface S3Server {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
  /** radosgw-admin; gives what it printed. */
  admin(...args: string[]): Promise<string>;
  /** Takes the gateway away (connections are refused); data stays. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** Runs rclone on the service, `s3:` being it; gives what it printed. Another client than ours. */
  rclone(...args: string[]): Promise<string>;
  /** Ends all and waits for it. A second call does nothing. */
  stop(): Promise<void>;
}

export interface S3Options {
  /** Keeps data in a file, for what does not fit into memory. */
  readonly onDisk?: boolean;
}

export async function startS3(options: S3Options = {}): Promise<S3Server> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-s3-'));
  const accessKey = `test${randomBytes(8).toString('hex')}`;
  const secretKey = randomBytes(20).toString('hex');
  const keys = { S3_ACCESS_KEY: accessKey, S3_SECRET_KEY: secretKey };
  const env = { ...process.env, ...keys, S3_STORE: options.onDisk === true ? 'bluestore' : 'memstore' };
  // A group of its own: a Ctrl-C must reach the daemons through the pipe only, in order.
  const server = spawn(script, ['run', dir], { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const gone = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  server.stdin.on('error', () => {});
  let complaints = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-8000);
  });
  const endpoint = await firstLine();
  server.unref();

  async function firstLine(): Promise<string> {
    for await (const line of createInterface({ input: server.stdout })) {
      if (line.startsWith('ready ')) return line.slice('ready '.length);
    }
    throw new Error(`the S3 service did not start:\n${complaints}`);
  }

  // Nothing of the caller's environment: AWS_* settings there would change what rclone does.
  const rcloneEnv = { PATH: process.env['PATH'], ...rcloneSettings({ endpoint, accessKey, secretKey }) };
  return {
    endpoint,
    accessKey,
    secretKey,
    region: 'us-east-1',
    admin: async (...args) => (await run(script, ['admin', dir, ...args])).stdout,
    down: async () => void (await run(script, ['down', dir])),
    up: async () => void (await run(script, ['up', dir])),
    rclone: async (...args) =>
      (await run('rclone', args, { env: rcloneEnv, maxBuffer: 256 * 1024 * 1024 })).stdout,
    stop: async () => {
      server.ref();
      server.stdin.end();
      await gone;
    },
  };
}

/** Environment in which rclone knows the service as `s3:`. */
export function rcloneSettings(
  service: Pick<S3Server, 'endpoint' | 'accessKey' | 'secretKey'>,
): Record<string, string> {
  return {
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_S3_TYPE: 's3',
    RCLONE_CONFIG_S3_PROVIDER: 'Ceph',
    RCLONE_CONFIG_S3_ENDPOINT: service.endpoint,
    RCLONE_CONFIG_S3_ACCESS_KEY_ID: service.accessKey,
    RCLONE_CONFIG_S3_SECRET_ACCESS_KEY: service.secretKey,
  };
}
